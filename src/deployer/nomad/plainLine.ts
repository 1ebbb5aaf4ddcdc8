/** Colours and cursor moves of a terminal (ECMA-48): they say nothing on paper. */
const escapeCode = "\u001B"
const bell = "\u0007"
const sequences = new RegExp(
  `${escapeCode}(?:\\[[0-?]*[ -/]*[@-~]|\\][^${bell}${escapeCode}]*(?:${bell}|${escapeCode}\\\\)?|[@-Z\\\\^_])`,
  "gu"
)
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu

/** What looks like a secret (X6): a guess, so that the commonest mistakes of log lines go no further. */
const secrets: ReadonlyArray<readonly [RegExp, string]> = [
  [/:\/\/[^\s/@]+@/g, "://…@"],
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, "$1 …"],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, "…"],
  [
    /((?:pass(?:word|wd)?|secret|token|credentials?|(?:api|access|private)[ _-]?key)["']?\s*[:=]\s*)(?:"[^"]*"?|'[^']*'?|[^\s,;]+)/gi,
    "$1…"
  ]
]

const escape = (character: string): string => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`

/**
 * Text of others (a driver, a program's log) as one line that can be shown, logged and stored: at most `length`
 * characters, spaces for line ends, control characters escaped (X15), what looks like a secret left out.
 */
export const plainLine = (text: string, length = 300): string => {
  const bare = text.replaceAll(sequences, "").replaceAll(/\s+/g, " ").trim()
  const kept = secrets.reduce((line, [secret, instead]) => line.replaceAll(secret, instead), bare)
  const characters = Array.from(kept.replaceAll(unprintable, escape))
  return characters.length > length ? `${characters.slice(0, length - 1).join("")}…` : characters.join("")
}

/** The last line with anything on it, as `plainLine` has it; undefined where there is none. */
export const lastLine = (text: string): string | undefined =>
  text
    .split(/[\r\n]+/)
    .map((line) => plainLine(line, 200))
    .findLast((line) => line !== "")
