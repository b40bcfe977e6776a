"""Without a screen: runs and what they leave behind, as text for a person or as lines for a program."""
