"""Strings that break programs: for names, notes, paths and users, wherever text comes in."""

from __future__ import annotations

_SQL = [
    "'", "''", '"', "';--", "'; DROP TABLE alerts;--", "' OR '1'='1", '" OR ""="', "') OR 1=1--",
    "1; DELETE FROM alerts", "%", "_", "%_%", "\\", "\\'", "\\\\", "%s", "%(name)s", "%%", ":name",
    ":1", "?", "??", "$1", "$$", "$a$", "{}", "{0}", "{name}", "${HOME}", "$(id)", "`id`", "--",
    "/*", "*/", "/* x */", "#", ";", "E'\\x41'", "U&'\\0041'", "NULL", "null", "None", "TRUE", "0",
    "1", "-1", "1e999", "NaN", "Infinity", "-Infinity", "0x1", "1,2", "[]", "[1]", "{\"a\": 1}",
    "now()", "CURRENT_USER", "information_schema", "sqlite_master", "pg_catalog", "x'00'",
    "select * from alerts", "kz_inner_flagged_clips",
]  # fmt: skip
_MARKUP = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;", "&amp;amp;", "</title>",
    "<!--", "]]>", "<?xml?>", "<![CDATA[", "javascript:alert(1)", "\"><svg onload=alert(1)>",
    "{{7*7}}", "{% raw %}", "{# #}", "<% %>", "[[x]]", "**x**", "[a](javascript:b)", "|", "a|b",
    "=1+1", "+1", "-1+1", "@SUM(A1)", "=cmd|' /C calc'!A0", "\t=1", "\r=1",
]  # fmt: skip
_PATHS = [
    "..", "../..", "../../etc/passwd", "/etc/passwd", "//x", "C:\\x", "\\\\host\\share", "CON",
    "nul", "-i", "--help", "-rf /", "~", "~root", ".", "...", ".hidden", "a/b", "a\\b", "a:b",
    "%00", "%2e%2e%2f", "%03d", "%d.png", "file:///etc/passwd", "http://x/", "x.mp4 ", " x.mp4",
    "a" * 255, "a" * 5000, "name\u2044slash", "x\u2215y",
]  # fmt: skip
_CONTROL = [
    *(chr(code) for code in range(1, 32)),
    "\x7f", "\x80", "\x85", "\x9b31m", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "a\nb", "a\rb",
    "a\r\nb", "a\tb", "\n", "\r\n", " ", "  ", " a", "a ", "", "\u00a0", "\u2028", "\u2029",
    "\u200b", "\ufeff", "a\ufeffb", "\u202egnp.exe", "\u2066x\u2069", "\u200f", "\u00ad",
]  # fmt: skip
_SCRIPTS = [
    "プレス機", "溶接ライン①", "ｱｲｳ", "カメラ（北）", "東京", "\u304b\u3099", "\u304c", "e\u0301",
    "\u00e9", "Å", "\u212b", "ﬁ", "ß", "İ", "ı", "Σς", "مرحبا", "שלום", "ไทย", "हिन्दी", "한국어",
    "中文", "𠮷野家", "😀", "👩‍👩‍👧‍👦", "🇯🇵", "🏳️‍🌈", "\U0010ffff", "\uffff", "\ufffe", "\ufffd",
    "\ufffd{}", "\ufffd{dce9}", "{dce9}", "Z\u0351\u036b\u0343a\u0322l\u0358g\u0335o", "\U0001d54f",
    "\ue000", "\uf8ff",
]  # fmt: skip
_NOT_UTF_8 = [
    b"caf\xe9.mp4".decode("utf-8", "surrogateescape"),
    b"\xff\xfe".decode("utf-8", "surrogateescape"),
    b"\x80".decode("utf-8", "surrogateescape"),
    b"\xe3\x81".decode("utf-8", "surrogateescape"),
    "\ud800", "\udfff", "\udc00\ud800", "a\udce9b\ufffd",
]  # fmt: skip
_SECRETS = [
    "rtsp://user:secret@camera/1", "rtsp://first.last:secret@h/", "rtsp://us%40er:p@h/",
    "rtsp://:secret@h/", "http://h/?pwd=secret", "postgresql://u:p%40@h/d",
]  # fmt: skip

STRINGS = list(
    dict.fromkeys([*_SQL, *_MARKUP, *_PATHS, *_CONTROL, *_SCRIPTS, *_NOT_UTF_8, *_SECRETS])
)
"""All of them, each once; none holds a NUL character."""

assert len(STRINGS) >= 200
assert not any("\0" in text for text in STRINGS)
