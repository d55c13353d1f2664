"""Media files: sound and pictures, decoded on one clock."""
