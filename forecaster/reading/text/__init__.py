"""CSV and its dialects: from the first lines of a text to the columns of its table."""
