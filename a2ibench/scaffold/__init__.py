"""Starting files for plug-ins of one's own."""
