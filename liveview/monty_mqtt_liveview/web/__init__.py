"""What browsers and programs ask of the page over HTTP and WebSocket."""
