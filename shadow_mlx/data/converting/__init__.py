"""Tables, JSON arrays and documents to JSON Lines, and files of lines to others: never in place."""
