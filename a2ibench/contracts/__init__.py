"""What a plug-in must offer: one file for each kind of plug-in."""
