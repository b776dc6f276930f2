//! A worker of the original's algorithm, for the benchmarks: `original <MongoDB URI>`. It works until it is killed.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let uri = std::env::args().nth(1).ok_or_else(|| anyhow::anyhow!("usage: original <MongoDB URI>"))?;
    naptime_bench::original::work(&uri).await
}
