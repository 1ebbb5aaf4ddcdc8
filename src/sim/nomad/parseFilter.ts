import { all, as, first, Grammar, many, maybe, type Rule } from "./Grammar.ts"

export type Operator = "==" | "!=" | "in" | "not in" | "matches" | "not matches" | Unary
type Unary = "is empty" | "is not empty" | "is nil" | "is not nil"

/** Names in the body of `any` and `all`: of the item (a map's key), or of key and value apart. */
export interface Binding {
  readonly item?: string
  readonly index?: string
  readonly value?: string
}

/** An expression of `filter=`, as go-bexpr 0.1.16 reads it. A selector is a path, a value text that is not yet of a type. */
export type Filter =
  | { readonly is: "not"; readonly of: Filter }
  | { readonly is: "and" | "or"; readonly left: Filter; readonly right: Filter }
  | {
      readonly is: "match"
      readonly selector: ReadonlyArray<string>
      readonly operator: Operator
      readonly value: string
    }
  | {
      readonly is: "any" | "all"
      readonly selector: ReadonlyArray<string>
      readonly binding: Binding
      readonly inner: Filter
    }

/** The expression, or what is wrong with it in go-bexpr's words. */
export const parseFilter = (text: string): Filter | { readonly wrong: string } => {
  const grammar = new Grammar(text)
  const parsed = grammarOf(grammar)(0)
  const words = grammar.words(parsed !== undefined)
  return parsed === undefined || words !== undefined ? { wrong: words ?? "" } : parsed.value
}

/** `go-bexpr/grammar/grammar.peg`, rule by rule. */
const grammarOf = (grammar: Grammar): Rule<Filter> => {
  const { end } = grammar
  const word = (text: string) => grammar.literal(text)
  const space = grammar.characters(/[ \t\r\n]/, "[ \\t\\r\\n]", true)
  const gap = maybe(space)

  const identifier = all(
    [
      grammar.characters(/[a-zA-Z]/, "[a-zA-Z]"),
      maybe(grammar.characters(/[a-zA-Z0-9_/]/, "[a-zA-Z0-9_/]", true))
    ],
    (head, rest) => head + (rest ?? "")
  )

  const quoted = (quote: string): Rule<string> => {
    const body = all(
      [word(quote), maybe(grammar.characters(quote === '"' ? /[^"]/s : /[^`]/s, ".", true))],
      (_, it) => it ?? ""
    )
    return (at) => {
      const opened = body(at)
      if (opened === undefined) return undefined
      const closed = word(quote)(opened.end)
      if (closed === undefined) return grammar.wrong(opened.end, "string", "Unterminated string literal")
      return { value: opened.value, end: closed.end }
    }
  }
  const string = first(quoted("`"), quoted('"'))

  const index: Rule<string> = (at) => {
    const opened = all([word("["), gap], () => null)(at)
    if (opened === undefined) return undefined
    const literal = string(opened.end)
    if (literal === undefined) return grammar.wrong(opened.end, "index", "Invalid index")
    const closed = all([gap, word("]")], () => null)(literal.end)
    if (closed !== undefined) return { value: literal.value, end: closed.end }
    return grammar.wrong(gap(literal.end)?.end ?? literal.end, "index", "Unclosed index expression")
  }
  const digits = grammar.characters(/[0-9]/, "[0-9]", true)
  const under = first(
    all([word("."), identifier], (_, name) => name),
    index,
    all([word("."), digits], (_, at) => at)
  )
  const segment = all(
    [word("/"), grammar.characters(/[\p{L}\p{N}\-_.~:|]/u, "[\\pL\\pN-_.~:|]", true)],
    (_, name) => name
  )
  const path = all([identifier, many(under)], (head, rest) => [head, ...rest])
  const pointer = all([word('"'), many(segment), word('"')], (_, parts) =>
    parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
  )
  const selector = first<ReadonlyArray<string>>(path, pointer)

  const number: Rule<string> = (at) => {
    const found = all(
      [
        maybe(word("-")),
        first(
          word("0"),
          all([grammar.characters(/[1-9]/, "[1-9]"), maybe(digits)], (head, rest) => head + (rest ?? ""))
        ),
        maybe(all([word("."), digits], (dot, rest) => dot + rest))
      ],
      (minus, whole, rest) => (minus ?? "") + whole + (rest ?? "")
    )(at)
    if (found === undefined) return undefined
    return first<unknown>(space, end, word(")"))(found.end) === undefined
      ? grammar.wrong(found.end, "number", "Invalid number literal")
      : found
  }
  // A selector first: so a text in quotes that begins with "/" is a pointer, and loses it.
  const value = first(
    as(path, (parts) => parts.join(".")),
    as(pointer, (parts) => parts.join("/")),
    number,
    string
  )

  const operator = (name: Operator, ...words: ReadonlyArray<string>): Rule<Operator> =>
    all([space, ...words.flatMap((each, at) => (at === 0 ? [word(each)] : [space, word(each)]))], () => name)
  const binary = first<Operator>(
    all([gap, word("=="), gap], () => "==" as const),
    all([gap, word("!="), gap], () => "!=" as const),
    ...(
      [
        ["in", "contains"],
        ["not in", "not", "contains"],
        ["matches", "matches"],
        ["not matches", "not", "matches"]
      ] as const
    ).map(([name, ...words]) => all([operator(name, ...words), space], (it) => it))
  )
  const unary = first(
    operator("is empty", "is", "empty"),
    operator("is not empty", "is", "not", "empty"),
    operator("is nil", "is", "nil"),
    operator("is not nil", "is", "not", "nil")
  )
  const membership = first(
    all([operator("in", "in"), space], (it) => it),
    all([operator("not in", "not", "in"), space], (it) => it)
  )
  const inSelector: Rule<Filter> = (at) => {
    const found = all([value, membership], (text, name) => ({ value: text, operator: name }))(at)
    if (found === undefined) return undefined
    const where = selector(found.end)
    return where === undefined
      ? grammar.wrong(found.end, "match", "Invalid selector")
      : { value: { is: "match", selector: where.value, ...found.value }, end: where.end }
  }
  const match = first<Filter>(
    all([selector, binary, value], (where, name, text) => ({
      is: "match",
      selector: where,
      operator: name,
      value: text
    })),
    all([selector, unary], (where, name) => ({ is: "match", selector: where, operator: name, value: "" })),
    inSelector
  )

  const grouped: Rule<Filter> = first(
    all([word("("), gap, (at) => or(at), gap, word(")")], (_, __, inner) => inner),
    match,
    (at) => {
      const opened = all([word("("), gap, (inner: number) => or(inner), gap], () => null)(at)
      return opened === undefined ? undefined : grammar.wrong(opened.end, "grouping", "Unmatched parentheses")
    }
  )
  const not: Rule<Filter> = first<Filter>(
    all([word("not"), space, (at) => not(at)], (_, __, of) => (of.is === "not" ? of.of : { is: "not", of })),
    grouped
  )
  const and: Rule<Filter> = first<Filter>(
    all([not, space, word("and"), space, (at) => and(at)], (left, _, __, ___, right) => ({
      is: "and",
      left,
      right
    })),
    not
  )
  const names = first<Binding>(
    all([identifier, gap, word(","), gap, identifier], (i, _, __, ___, v) => ({ index: i, value: v })),
    all([identifier, gap, word(","), gap, word("_")], (i) => ({ index: i })),
    all([word("_"), gap, word(","), gap, identifier], (_, __, ___, ____, v) => ({ value: v })),
    as(identifier, (item) => ({ item }))
  )
  const collection = all(
    [
      first(
        all([word("any"), space], () => "any" as const),
        all([word("all"), space], () => "all" as const)
      ),
      selector,
      space,
      word("as"),
      space,
      names,
      gap,
      word("{"),
      gap,
      (at: number) => or(at),
      gap,
      word("}")
    ],
    (is, where, _a, _b, _c, binding, _d, _e, _f, inner): Filter => ({ is, selector: where, binding, inner })
  )
  const or: Rule<Filter> = first<Filter>(
    all([and, space, word("or"), space, (at) => or(at)], (left, _, __, ___, right) => ({
      is: "or",
      left,
      right
    })),
    and,
    collection
  )
  return first(
    all([gap, word("("), gap, or, gap, word(")"), gap, end], (_, __, ___, it) => it),
    all([gap, or, gap, end], (_, it) => it)
  )
}
