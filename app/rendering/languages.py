"""What to call a programming language that a code block names."""

_NAMES = {
    "": "Code",
    "bash": "Bash",
    "c": "C",
    "c#": "C#",
    "c++": "C++",
    "cmake": "CMake",
    "cpp": "C++",
    "cs": "C#",
    "csharp": "C#",
    "css": "CSS",
    "csv": "CSV",
    "cuda": "CUDA",
    "diff": "Diff",
    "docker": "Dockerfile",
    "dockerfile": "Dockerfile",
    "fsharp": "F#",
    "go": "Go",
    "golang": "Go",
    "graphql": "GraphQL",
    "hs": "Haskell",
    "html": "HTML",
    "ini": "INI",
    "java": "Java",
    "javascript": "JavaScript",
    "js": "JavaScript",
    "json": "JSON",
    "jsx": "JSX",
    "kotlin": "Kotlin",
    "kt": "Kotlin",
    "latex": "LaTeX",
    "lua": "Lua",
    "makefile": "Makefile",
    "markdown": "Markdown",
    "matlab": "MATLAB",
    "md": "Markdown",
    "objc": "Objective-C",
    "perl": "Perl",
    "php": "PHP",
    "plaintext": "Text",
    "powershell": "PowerShell",
    "ps1": "PowerShell",
    "py": "Python",
    "python": "Python",
    "python3": "Python",
    "r": "R",
    "rb": "Ruby",
    "rs": "Rust",
    "ruby": "Ruby",
    "rust": "Rust",
    "scala": "Scala",
    "sh": "Shell",
    "shell": "Shell",
    "sql": "SQL",
    "svg": "SVG",
    "swift": "Swift",
    "tex": "TeX",
    "text": "Text",
    "toml": "TOML",
    "ts": "TypeScript",
    "tsx": "TSX",
    "txt": "Text",
    "typescript": "TypeScript",
    "xml": "XML",
    "yaml": "YAML",
    "yml": "YAML",
    "zsh": "Zsh",
}

_SUFFIXES = {
    "Bash": "sh", "Shell": "sh", "Zsh": "zsh", "C": "c", "C#": "cs", "C++": "cpp", "CMake": "cmake", "CSS": "css",
    "CSV": "csv", "CUDA": "cu", "Diff": "diff", "F#": "fs", "Go": "go", "GraphQL": "graphql", "Haskell": "hs",
    "HTML": "html", "INI": "ini", "Java": "java", "JavaScript": "js", "JSON": "json", "JSX": "jsx", "Kotlin": "kt",
    "LaTeX": "tex", "Lua": "lua", "Markdown": "md", "MATLAB": "m", "Objective-C": "m", "Perl": "pl", "PHP": "php",
    "PowerShell": "ps1", "Python": "py", "R": "r", "Ruby": "rb", "Rust": "rs", "Scala": "scala", "SCSS": "scss",
    "SQL": "sql", "Svelte": "svelte", "SVG": "svg", "Swift": "swift", "TOML": "toml", "TSX": "tsx",
    "TypeScript": "ts", "Vue": "vue", "XML": "xml", "YAML": "yaml",
}  # fmt: skip
_WHOLE_NAMES = {"Dockerfile": "Dockerfile", "Makefile": "Makefile"}


def file_name(word: str) -> str:
    """Return a sensible name for a file in the language that a code block names."""
    language = language_name(word)
    return _WHOLE_NAMES.get(language) or f"code.{_SUFFIXES.get(language, 'txt')}"


def language_name(word: str) -> str:
    """Return the language's usual name, or the word itself if it is not a known one."""
    return _NAMES.get(word.lower(), word)
