"""Results that can be exchanged: exported to one small file, merged, and ranked on a page."""
