/** A match: what it means and where it ends. `undefined`: no match here. */
export type Match<A> = { readonly value: A; readonly end: number } | undefined
export type Rule<A> = (at: number) => Match<A>

/** Combinators of a parsing expression grammar over one text, that fail in the words of Go's `pigeon`. */
export class Grammar {
  readonly text: string
  #farthest = 0
  #expected = new Set<string>()
  readonly #errors: Array<string> = []

  constructor(text: string) {
    this.text = text
  }

  #fail(at: number, expected: string): undefined {
    if (at < this.#farthest) return undefined
    if (at > this.#farthest) {
      this.#farthest = at
      this.#expected = new Set()
    }
    this.#expected.add(expected)
    return undefined
  }

  literal(word: string): Rule<string> {
    return (at) =>
      this.text.startsWith(word, at)
        ? { value: word, end: at + word.length }
        : this.#fail(at, JSON.stringify(word))
  }

  /** One character of a class, or as many as there are. `shown` is how the grammar writes the class. */
  characters(one: RegExp, shown: string, many = false): Rule<string> {
    return (at) => {
      const last = many ? this.text.length : Math.min(at + 1, this.text.length)
      let end = at
      while (end < last && one.test(this.text[end] ?? "")) end += 1
      if (end === at || many) this.#fail(end, shown)
      return end === at ? undefined : { value: this.text.slice(at, end), end }
    }
  }

  readonly end: Rule<null> = (at) =>
    at >= this.text.length ? { value: null, end: at } : this.#fail(at, "EOF")

  /** A place where the grammar knows what is wrong. */
  wrong(at: number, rule: string, words: string): undefined {
    const said = `${this.#place(at)}: rule "${rule}": ${words}`
    if (!this.#errors.includes(said)) this.#errors.push(said)
    return undefined
  }

  /** What was wrong, once the whole text did not match. */
  words(matched: boolean): string | undefined {
    if (this.#errors.length > 0) return this.#errors.join("\n")
    if (matched) return undefined
    const all = [...this.#expected].filter((each) => each !== "EOF").toSorted()
    if (this.#expected.has("EOF")) all.push("EOF")
    const last = all.pop() ?? ""
    const list = all.length === 0 ? last : `${all.join(", ")} or ${last}`
    return `${this.#place(this.#farthest)}: no match found, expected: ${list}`
  }

  #place(at: number): string {
    const before = this.text.slice(0, at).split("\n")
    return `${before.length}:${(before.at(-1)?.length ?? 0) + 1} (${at})`
  }
}

export const first =
  <A>(...rules: ReadonlyArray<Rule<A>>): Rule<A> =>
  (at) => {
    for (const rule of rules) {
      const found = rule(at)
      if (found !== undefined) return found
    }
    return undefined
  }

export const maybe =
  <A>(rule: Rule<A>): Rule<A | null> =>
  (at) =>
    rule(at) ?? { value: null, end: at }

export const many =
  <A>(rule: Rule<A>): Rule<ReadonlyArray<A>> =>
  (at) => {
    const value: Array<A> = []
    let end = at
    for (let found = rule(end); found !== undefined; found = rule(end)) {
      value.push(found.value)
      end = found.end
    }
    return { value, end }
  }

type Meanings<Rules extends ReadonlyArray<Rule<unknown>>> = {
  readonly [K in keyof Rules]: Rules[K] extends Rule<infer A> ? A : never
}

/** One rule after the other, and what they mean together. */
export const all =
  <const Rules extends ReadonlyArray<Rule<unknown>>, B>(
    rules: Rules,
    means: (...values: Meanings<Rules>) => B
  ): Rule<B> =>
  (at) => {
    const values: Array<unknown> = []
    let end = at
    for (const rule of rules) {
      const found = rule(end)
      if (found === undefined) return undefined
      values.push(found.value)
      end = found.end
    }
    return { value: means(...(values as unknown as Meanings<Rules>)), end }
  }

export const as =
  <A, B>(rule: Rule<A>, means: (value: A) => B): Rule<B> =>
  (at) => {
    const found = rule(at)
    return found === undefined ? undefined : { value: means(found.value), end: found.end }
  }
