"""The version of hookcount."""

VERSION = "0.1.0"
