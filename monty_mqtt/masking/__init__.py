"""What is kept back before anything is said: secrets, by their names and by their forms. Pure."""
