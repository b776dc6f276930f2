# Naptime as an image: one program, which runs as a user without rights. See docs/deploy.md.

FROM rust:1-slim-bookworm AS build
# Rust's own linker driver is `cc`; SQLite and the cryptography have parts in C.
RUN apt-get update && apt-get install --yes --no-install-recommends build-essential && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package naptime

FROM debian:bookworm-slim
# Whom to trust for calls by https.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --user-group --home-dir /data naptime && install -d -o naptime -g naptime /data
COPY --from=build /src/target/release/naptime /usr/local/bin/naptime
USER naptime
# The embedded database of `naptime up` is here, so mount something that lasts.
WORKDIR /data
VOLUME /data
ENV HOST=0.0.0.0 PORT=8080
EXPOSE 8080
# Calls that are under way end before the process does; they have 25 s.
STOPSIGNAL SIGTERM
# Of processes that answer HTTP. A worker has no port: switch this off for it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/bin/bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/$PORT && printf 'GET /healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["naptime"]
CMD ["up"]
