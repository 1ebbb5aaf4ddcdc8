import { isObject, type Json, type JsonObject, parseJson } from "./Json.ts"

/** A body of HCL: its attributes by name, and its blocks in their order. */
export interface HclBody {
  readonly attributes: JsonObject
  readonly blocks: ReadonlyArray<HclBlock>
}
export interface HclBlock extends HclBody {
  readonly type: string
  readonly labels: ReadonlyArray<string>
}

/** The text is no HCL, or more of HCL than the simulator reads: `words` end in the line. */
export class HclError extends Error {}

/** What a reference such as `var.image` or `local.tag` stands for; `undefined` where it stands for nothing. */
export type Scope = (path: ReadonlyArray<string>) => Json | undefined

/**
 * Reads HCL as policies and job files have it: blocks, attributes, texts, heredocs, numbers, lists, maps and
 * references that `scope` knows. No functions, operators and conditions. References in texts that `scope` does
 * not know stay as they are: they are Nomad's own, at run time. JSON is HCL too. Throws `HclError`.
 */
export const parseHcl = (text: string, scope: Scope = () => undefined): HclBody => {
  if (!text.trimStart().startsWith("{")) return new Reader(text, scope).all()
  try {
    return ofJson(parseJson(text))
  } catch (cause) {
    throw new HclError(`invalid JSON: ${String(cause)}`)
  }
}

/** `{"namespace": {"default": {…}}}`: an object within is a block, labelled by its keys where those are objects too. */
const ofJson = (value: Json): HclBody => {
  const body = isObject(value) ? value : {}
  const blocks: Array<HclBlock> = []
  const attributes: Record<string, Json> = {}
  for (const [type, each] of Object.entries(body)) {
    if (!isObject(each)) attributes[type] = each ?? null
    else if (Object.keys(each).length > 0 && Object.values(each).every(isObject)) {
      for (const [label, inner] of Object.entries(each)) {
        blocks.push({ type, labels: [label], ...ofJson(inner ?? null) })
      }
    } else blocks.push({ type, labels: [], ...ofJson(each) })
  }
  return { attributes, blocks }
}

const blank = /(?:\s+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y
const name = /[A-Za-z_][\w-]*/y
const number = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const reference = /[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*/y
const heredoc = /<<(-?)([A-Za-z_]\w*)[ \t]*\n/y
const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", '"': '"', "\\": "\\" }

class Reader {
  readonly #text: string
  readonly #scope: Scope
  #at = 0

  constructor(text: string, scope: Scope) {
    this.#text = text
    this.#scope = scope
  }

  all(): HclBody {
    const body = this.#body()
    return this.#at < this.#text.length ? this.#fail("a name or the end") : body
  }

  #body(): HclBody {
    const attributes: Record<string, Json> = {}
    const blocks: Array<HclBlock> = []
    for (;;) {
      const key = this.#take(name)?.[0] ?? this.#quoted()
      if (key === undefined) return { attributes, blocks }
      if (this.#sign("=")) {
        attributes[key] = this.#value()
        continue
      }
      const labels: Array<string> = []
      while (!this.#sign("{")) {
        const label = this.#quoted() ?? this.#take(name)?.[0]
        if (label === undefined) return this.#fail('"=" or "{"')
        labels.push(label)
      }
      const inner = this.#body()
      if (!this.#sign("}")) return this.#fail('"}"')
      blocks.push({ type: key, labels, ...inner })
    }
  }

  #value(): Json {
    if (this.#sign("[")) return this.#list()
    if (this.#sign("{")) return this.#map()
    const text = this.#quoted() ?? this.#here()
    if (text !== undefined) return this.#expand(text)
    const digits = this.#take(number)?.[0]
    if (digits !== undefined) return Number(digits)
    const path = this.#take(reference)?.[0]
    if (path === "true" || path === "false") return path === "true"
    if (path === "null") return null
    if (path === undefined) return this.#fail("a value")
    const found = this.#scope(path.split("."))
    return found === undefined ? this.#fail(`a value, and not ${path}`) : found
  }

  #list(): ReadonlyArray<Json> {
    const items: Array<Json> = []
    while (!this.#sign("]")) {
      items.push(this.#value())
      if (!this.#sign(",") && !this.#sees("]")) return this.#fail('"," or "]"')
    }
    return items
  }

  #map(): JsonObject {
    const map: Record<string, Json> = {}
    while (!this.#sign("}")) {
      const key = this.#quoted() ?? this.#take(name)?.[0]
      if (key === undefined || !(this.#sign("=") || this.#sign(":"))) return this.#fail("a key and its value")
      map[key] = this.#value()
      this.#sign(",")
    }
    return map
  }

  #expand(text: string): Json {
    const whole = /^\$\{\s*([\w.-]+)\s*\}$/.exec(text)?.[1]
    const found = whole === undefined ? undefined : this.#scope(whole.split("."))
    if (found !== undefined) return found
    return text.replace(/\$\{\s*([\w.-]+)\s*\}/g, (written, path: string) => {
      const value = this.#scope(path.split("."))
      return value === undefined ? written : typeof value === "string" ? value : JSON.stringify(value)
    })
  }

  #quoted(): string | undefined {
    this.#skip()
    if (this.#text[this.#at] !== '"') return undefined
    let value = ""
    for (let at = this.#at + 1; at < this.#text.length; at++) {
      const char = this.#text[at] ?? ""
      if (char === '"') {
        this.#at = at + 1
        return value
      }
      if (char === "\n") break
      if (char === "\\") {
        at += 1
        const escaped = this.#text[at] ?? ""
        value += escapes[escaped] ?? `\\${escaped}`
      } else value += char
    }
    return this.#fail("the end of a text in quotes")
  }

  #here(): string | undefined {
    const opened = this.#take(heredoc)
    if (opened === undefined) return undefined
    const [, dash, word = ""] = opened
    const close = new RegExp(`^[ \\t]*${word}[ \\t]*$`, "m")
    const rest = this.#text.slice(this.#at)
    const end = close.exec(rest)
    if (end === null) return this.#fail(`the heredoc's end ${word}`)
    this.#at += end.index + end[0].length
    const lines = rest.slice(0, end.index)
    if (dash === "") return lines
    const indents = lines
      .split("\n")
      .flatMap((line) => (line.trim() === "" ? [] : [/^[ \t]*/.exec(line)?.[0].length ?? 0]))
    const least = Math.min(...indents, Number.POSITIVE_INFINITY)
    return Number.isFinite(least) ? lines.replace(new RegExp(`^[ \\t]{${least}}`, "gm"), "") : lines
  }

  #skip(): void {
    blank.lastIndex = this.#at
    this.#at += blank.exec(this.#text)?.[0].length ?? 0
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    this.#skip()
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found === null) return undefined
    this.#at += found[0].length
    return found
  }

  #sees(sign: string): boolean {
    this.#skip()
    return this.#text.startsWith(sign, this.#at)
  }

  #sign(sign: string): boolean {
    if (!this.#sees(sign)) return false
    this.#at += sign.length
    return true
  }

  #fail(expected: string): never {
    const line = this.#text.slice(0, this.#at).split("\n").length
    throw new HclError(`line ${line}: expected ${expected}`)
  }
}
