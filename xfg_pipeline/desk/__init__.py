"""The desk: the web page that a person looks at, and the API that programs read."""
