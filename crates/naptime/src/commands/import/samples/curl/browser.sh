curl 'https://shop.example.com/api/search' \
  -H 'accept: application/json' \
  -H 'content-type: application/json' \
  -b 'session=abc; theme=dark' \
  --data-raw $'{"query":"it\'s \u00fcber","limit":10}' \
  --compressed
