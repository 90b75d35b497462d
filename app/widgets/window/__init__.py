"""The frame: menus, pages, notices, palette, tray."""
