import { Result } from "effect"
import { isObject, type Json, type JsonObject, textOf } from "./Json.ts"
import type { Binding, Filter } from "./parseFilter.ts"

/** What the name of `any` or `all` stands for: a place in the object, or a key. */
interface Local {
  readonly name: string
  readonly path?: ReadonlyArray<string>
  readonly value?: string | number
}

/** Go's kind of a value: of null by its key, since lists and maps that are nil are not pointers that are. */
type Kind = "bool" | "int" | "uint64" | "string" | "slice" | "map" | "struct" | "invalid"

const maps = new Set(
  "Config Env Meta Options Services.Meta VolumeOptions TaskStates TaskGroups.Volumes".split(" ")
)
const lists =
  /^(?:Actions|Affinities|Artifacts|Audience|Constraints|Datacenters|Devices|Events|Identities|Links|Networks|Payload|PlacedCanaries|ScalingPolicies|Secrets|Services|Spreads|TaskGroups|Tasks|Templates|VolumeMounts)$/
const unsigned =
  /^(?:CreateIndex|ModifyIndex|JobModifyIndex|JobSpecModifyIndex|JobCreateIndex|Version|JobVersion)$/

const kindOf = (value: Json | undefined, key: string): Kind => {
  if (typeof value === "boolean") return "bool"
  if (typeof value === "string") return "string"
  if (typeof value === "number" || typeof value === "bigint") return unsigned.test(key) ? "uint64" : "int"
  if (Array.isArray(value) || lists.test(key)) return "slice"
  if (maps.has(key)) return "map"
  return isObject(value) ? "struct" : "invalid"
}

interface Found {
  readonly value: Json | undefined
  readonly kind: Kind
}

class Failed {
  readonly words: string
  constructor(words: string) {
    this.words = words
  }
}
const fail = (words: string): never => {
  // Caught in `matchesFilter`: an error of an evaluation ends all of it.
  // oxlint-disable-next-line no-throw-literal, only-throw-error
  throw new Failed(words)
}

/** Whether the object passes, or the words in which go-bexpr fails on it. */
export const matchesFilter = (filter: Filter, datum: JsonObject): Result.Result<boolean, string> =>
  Result.try({
    try: () => evaluate(filter, datum, []),
    catch: (cause) => {
      if (cause instanceof Failed) return cause.words
      throw cause
    }
  })

const evaluate = (filter: Filter, datum: JsonObject, locals: ReadonlyArray<Local>): boolean => {
  switch (filter.is) {
    case "not":
      return !evaluate(filter.of, datum, locals)
    case "and":
      return evaluate(filter.left, datum, locals) && evaluate(filter.right, datum, locals)
    case "or":
      return evaluate(filter.left, datum, locals) || evaluate(filter.right, datum, locals)
    case "any":
    case "all":
      return each(filter, datum, locals)
    case "match":
      return match(filter, find(filter.selector, datum, locals))
  }
}

/** The value at the path; `undefined` where a map has no such key. */
const find = (
  selector: ReadonlyArray<string>,
  datum: JsonObject,
  locals: ReadonlyArray<Local>
): Found | undefined => {
  let path = selector
  for (const local of locals.toReversed()) {
    if (path[0] !== local.name) continue
    if (local.path !== undefined) path = [...local.path, ...path.slice(1)]
    else if (path.length === 1) {
      return { value: local.value, kind: typeof local.value === "number" ? "int" : "string" }
    } else {
      const type = typeof local.value === "number" ? "int" : "string"
      return fail(`/${path[0]} references a ${type} so /${path.join("/")} is invalid`)
    }
  }
  let found: Found = { value: datum, kind: "struct" }
  const shown = `/${path.join("/")}`
  const lost = (words: string) => fail(`error finding value in datum: ${shown}${words}`)
  for (const [at, part] of path.entries()) {
    const { value, kind } = found
    if (kind === "struct") {
      const next: Json | undefined = (value as JsonObject)[part]
      if (next === undefined)
        return lost(` at part ${at}: couldn't find key: struct field with name "${part}"`)
      found = { value: next, kind: kindOf(next, part) }
    } else if (kind === "map") {
      const object: JsonObject = isObject(value) ? value : {}
      if (!(part in object)) {
        if (at === path.length - 1) return undefined
        return lost(` at part ${at}: couldn't find key: "${part}"`)
      }
      // What lies in a map of people's own are maps again.
      const kind = kindOf(object[part], part)
      found = { value: object[part], kind: kind === "struct" ? "map" : kind }
    } else if (kind === "slice") {
      const list: ReadonlyArray<Json> = Array.isArray(value) ? value : []
      if (!/^[+-]?\d+$/.test(part))
        return lost(` at part ${at}: couldn't convert value "${part}" to type int`)
      const index = Number(part)
      if (index < 0 || index >= list.length) {
        return lost(` at part ${at}: index ${index} is out of range (length = ${list.length})`)
      }
      found = { value: list[index], kind: kindOf(list[index], "") }
    } else return lost(`: at part ${at}, invalid value kind: ${kind}`)
  }
  return found
}

const each = (
  { is, selector, binding, inner }: Extract<Filter, { readonly is: "any" | "all" }>,
  datum: JsonObject,
  locals: ReadonlyArray<Local>
): boolean => {
  const found = find(selector, datum, locals)
  if (found === undefined) return is === "all"
  const { value, kind } = found
  if (kind !== "slice" && kind !== "map") return fail(`${selector.join(".")} is not a list or a map`)
  if (binding.index !== undefined && binding.index === binding.value) {
    return fail(`"${binding.index}" cannot be used as a placeholder for both the index and the value`)
  }
  const items =
    kind === "slice"
      ? (Array.isArray(value) ? value : []).map((_: Json, at: number) => bound(binding, selector, at))
      : Object.keys(isObject(value) ? value : {}).map((key) => bound(binding, selector, key))
  const results = (more: ReadonlyArray<Local>) => evaluate(inner, datum, [...locals, ...more])
  return is === "any" ? items.some(results) : items.every(results)
}

const bound = (
  { item, index, value }: Binding,
  selector: ReadonlyArray<string>,
  at: string | number
): ReadonlyArray<Local> => {
  const path = [...selector, String(at)]
  const isKey = typeof at === "string"
  return [
    ...(item === undefined ? [] : [isKey ? { name: item, value: at } : { name: item, path }]),
    ...(index === undefined ? [] : [{ name: index, value: at }]),
    ...(value === undefined ? [] : [{ name: value, path }])
  ]
}

const match = (
  { selector, operator, value: asked }: Extract<Filter, { readonly is: "match" }>,
  found: Found | undefined
): boolean => {
  // A key that a map has not: the negative operators pass, and "is empty" and "is nil".
  if (found === undefined) return /^(?:!=|not|is empty|is nil)/.test(operator)
  const { value, kind } = found
  const unable = (what: string) =>
    fail(`cannot perform ${what} operations on type ${kind} for selector: "${selector.join(".")}"`)
  switch (operator) {
    case "==":
      return isEqual(value, kind, asked)
    case "!=":
      return !isEqual(value, kind, asked)
    case "in":
    case "not in": {
      const has = isIn(value, kind, asked) ?? unable("in/contains")
      return has === (operator === "in")
    }
    case "matches":
    case "not matches": {
      if (kind !== "string") return fail(`value of type ${kind} is not convertible to []byte`)
      return regular(asked).test(textOf(value)) === (operator === "matches")
    }
    case "is empty":
    case "is not empty": {
      if (kind !== "map" && kind !== "slice" && kind !== "string") return unable("is-empty")
      return (sizeOf(value) === 0) === (operator === "is empty")
    }
    case "is nil":
    case "is not nil": {
      if (!["map", "slice", "struct", "invalid"].includes(kind)) return unable("is-nil")
      return (value === null || value === undefined) === (operator === "is nil")
    }
  }
}

const sizeOf = (value: Json | undefined): number =>
  typeof value === "string" ? value.length : Object.keys((value ?? {}) as JsonObject).length

const isEqual = (value: Json | undefined, kind: Kind, asked: string): boolean => {
  switch (kind) {
    case "string":
      return value === asked
    case "bool":
      return value === boolOf(asked)
    case "int":
    case "uint64":
      return BigInt(value as number | bigint) === integerOf(asked, kind)
    default:
      return fail("unable to find suitable primitive comparison function for matching")
  }
}

const isIn = (value: Json | undefined, kind: Kind, asked: string): boolean | undefined => {
  if (kind === "map") return isObject(value) && asked in value
  if (kind === "string") return textOf(value).includes(asked)
  if (kind !== "slice") return undefined
  const list: ReadonlyArray<Json> = Array.isArray(value) ? value : []
  return list.some((item) => isEqual(item, kindOf(item, ""), asked))
}

const wrongValue = "error getting match value in expression: strconv."

const boolOf = (text: string): boolean => {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true
  if (/^(?:0|f|F|FALSE|false|False)$/.test(text)) return false
  return fail(`${wrongValue}ParseBool: parsing "${text}": invalid syntax`)
}

const integerOf = (text: string, kind: "int" | "uint64"): bigint => {
  if (kind === "int" ? /^[+-]?\d+$/.test(text) : /^\d+$/.test(text)) return BigInt(text)
  return fail(`${wrongValue}Parse${kind === "int" ? "Int" : "Uint"}: parsing "${text}": invalid syntax`)
}

const regular = (text: string): RegExp => {
  try {
    return new RegExp(text)
  } catch (cause) {
    return fail(`failed to compile regular expression "${text}": error parsing regexp: ${String(cause)}`)
  }
}
