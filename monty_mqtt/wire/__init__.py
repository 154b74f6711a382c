"""What is said between experiment, bridge and everyone behind them: messages, topics, the ZMQ hop. Pure."""
