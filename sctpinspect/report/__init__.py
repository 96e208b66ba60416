"""What people and other programs read: the verdict as text, JSON and JUnit XML, the summary, the ladder."""
