"""Conversation trees and the SQLite store that loses nothing; knows no Qt."""
