"""Sound and pictures → pair store → features → batches."""
