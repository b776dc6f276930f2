curl -s https://example.com/export | gzip > /backup/export.gz
