"""What several tools' conventions share."""
