/** A block or object that an attribute stands in: `task "web" {` has the name `task` and the label `web`. */
export interface HclFrame {
  readonly name: string
  readonly label: string | undefined
}

/** A piece of a string: as it stands there, or the value of `var.x`. */
export type HclPart = { readonly literal: string } | { readonly variable: string }

/** `name = value` whose value is one string of such parts, or one `var.x`; a place in the text is a range of it. */
export interface HclAttribute {
  /** How many blocks, objects and lists it stands in, and the innermost three of them, the inmost last. */
  readonly depth: number
  readonly frames: ReadonlyArray<HclFrame>
  readonly name: string
  /** Of `"a${var.x}"` it is `a` and `x`, of `var.x` it is `x`; undefined: the string has something else in it. */
  readonly parts: ReadonlyArray<HclPart> | undefined
  readonly start: number
  readonly end: number
}

interface Token {
  readonly kind: "word" | "string" | "heredoc" | "punctuation" | "newline"
  readonly start: number
  readonly end: number
}

/** End of the quoted string that begins at `start`; its templates may hold strings, and those templates. */
const endOfString = (text: string, start: number): number => {
  const open: Array<"string" | "brace"> = ["string"]
  let at = start + 1
  while (at < text.length) {
    const char = text[at]
    const isString = open.at(-1) === "string"
    const isTemplate = (char === "$" || char === "%") && text[at + 1] === "{"
    if (char === '"') {
      if (isString) open.pop()
      else open.push("string")
      if (open.length === 0) return at + 1
    } else if (isString && char === "\\") at += 1
    // `$${` is the two characters `${`, no template.
    else if (isString && (char === "$" || char === "%") && text[at + 1] === char && text[at + 2] === "{")
      at += 2
    else if (isString && isTemplate) {
      open.push("brace")
      at += 1
    } else if (!isString && char === "{") open.push("brace")
    else if (!isString && char === "}") open.pop()
    at += 1
  }
  return text.length
}

const skipped = /(?:[ \t\r]+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$))+/y
const word = /[\p{L}_][\p{L}\p{N}_-]*/uy
const heredoc = /<<-?([\p{L}_][\p{L}\p{N}_-]*)\r?\n/uy

const matchAt = (pattern: RegExp, text: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at
  return pattern.exec(text)
}

const tokensOf = (text: string): ReadonlyArray<Token> => {
  const tokens: Array<Token> = []
  let at = 0
  while (at < text.length) {
    const start = at
    const space = matchAt(skipped, text, at)
    if (space !== null) {
      at += space[0].length
      continue
    }
    const opened = matchAt(heredoc, text, at)
    const read = matchAt(word, text, at)
    let kind: Token["kind"] = "punctuation"
    if (opened !== null) {
      kind = "heredoc"
      const from = at + opened[0].length
      const closing = matchAt(new RegExp(`^[ \\t]*${opened[1]}[ \\t]*\\r?$`, "gm"), text, from)
      at = closing === null ? text.length : closing.index + closing[0].length
    } else if (text[at] === '"') {
      kind = "string"
      at = endOfString(text, at)
    } else if (read !== null) {
      kind = "word"
      at += read[0].length
    } else {
      if (text[at] === "\n") kind = "newline"
      at += 1
    }
    tokens.push({ kind, start, end: at })
  }
  return tokens
}

const part = /[^"\\$%]+|\$\{\s*var\.([\p{L}_][\p{L}\p{N}_-]*)\s*\}/uy

/** What the string is made of; undefined with an escape or another template in it, which an image never has. */
const partsOf = (quoted: string): ReadonlyArray<HclPart> | undefined => {
  if (!quoted.endsWith('"')) return undefined
  const parts: Array<HclPart> = []
  let at = 1
  while (at < quoted.length - 1) {
    const found = matchAt(part, quoted, at)
    if (found === null) return undefined
    parts.push(found[1] === undefined ? { literal: found[0] } : { variable: found[1] })
    at += found[0].length
  }
  return parts
}

/** The string as HCL reads it; undefined where it is not all literal. */
export const literalOf = (parts: ReadonlyArray<HclPart> | undefined): string | undefined => {
  if (parts === undefined) return undefined
  const literals = parts.flatMap((part) => ("literal" in part ? [part.literal] : []))
  return literals.length === parts.length ? literals.join("") : undefined
}

/**
 * Attributes of an HCL2 text with a simple value, and the blocks that each stands in. Total: text that is no HCL has
 * no or other attributes. Comments, heredocs and strings hide what is in them.
 */
export const hclAttributes = (text: string): ReadonlyArray<HclAttribute> => {
  const tokens = tokensOf(text)
  const textOf = (token: Token | undefined) => (token === undefined ? "" : text.slice(token.start, token.end))
  /** Ends an expression: what it can be followed by in a body or an object. */
  const isEnd = (token: Token | undefined) =>
    token === undefined || token.kind === "newline" || textOf(token) === "}" || textOf(token) === ","
  const attributes: Array<HclAttribute> = []
  const frames: Array<HclFrame> = []
  let statement: Array<Token> = []

  const nameOf = (token: Token | undefined): string =>
    token?.kind === "string" ? (literalOf(partsOf(textOf(token))) ?? "") : textOf(token)

  for (const [at, token] of tokens.entries()) {
    const here = token.kind === "punctuation" ? textOf(token) : ""
    if (token.kind === "newline" || here === ",") {
      statement = []
      continue
    }
    if (here === "{" || here === "[" || here === "(") {
      const label = statement[1]
      const isBody = here === "{"
      frames.push({
        name: isBody ? nameOf(statement[0]) : "",
        label: label?.kind === "string" ? literalOf(partsOf(textOf(label))) : undefined
      })
      statement = []
      continue
    }
    if (here === "}" || here === "]" || here === ")") {
      frames.pop()
      statement = []
      continue
    }
    const isAssignment = (here === "=" || here === ":") && statement.length === 1
    const value = tokens[at + 1]
    if (isAssignment && value !== undefined) {
      const name = nameOf(statement[0])
      const common = { depth: frames.length, frames: frames.slice(-3), name, start: value.start }
      if (value.kind === "string" && isEnd(tokens[at + 2])) {
        attributes.push({ ...common, parts: partsOf(textOf(value)), end: value.end })
      } else if (
        textOf(value) === "var" &&
        textOf(tokens[at + 2]) === "." &&
        tokens[at + 3]?.kind === "word" &&
        isEnd(tokens[at + 4])
      ) {
        const variable = tokens[at + 3]
        attributes.push({
          ...common,
          parts: [{ variable: textOf(variable) }],
          end: variable?.end ?? value.end
        })
      }
    }
    statement.push(token)
  }
  return attributes
}
