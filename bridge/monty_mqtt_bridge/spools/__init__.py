"""What experiments of this machine left in their spools."""
