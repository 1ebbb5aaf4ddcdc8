/** JSON as Nomad reads and writes it: integers beyond 2^53 (nanosecond timestamps) are exact, as `bigint`. */
export type Json = null | boolean | number | bigint | string | ReadonlyArray<Json> | JsonObject
export interface JsonObject {
  readonly [key: string]: Json | undefined
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const integer = /^-?\d+$/
function exact(_key: string, value: Json, ...[context]: ReadonlyArray<{ readonly source?: string }>): Json {
  const source = context?.source
  return typeof value === "number" &&
    !Number.isSafeInteger(value) &&
    source !== undefined &&
    integer.test(source)
    ? BigInt(source)
    : value
}

/** Throws `SyntaxError` where the text is no JSON. */
export const parseJson = (text: string): Json => JSON.parse(text, exact) as Json

/** Keys come sorted, as from Nomad's encoder; `undefined` is left out. */
export const printJson = (value: Json | undefined): string => {
  if (typeof value === "bigint") return value.toString()
  if (Array.isArray(value)) return `[${value.map(printJson).join(",")}]`
  if (!isObject(value)) return JSON.stringify(value ?? null)
  const members = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${printJson(value[key])}`)
  return `{${members.join(",")}}`
}

/** Parts of a job that are objects to Nomad, not maps: an empty one is not the same as none. */
const objects = new Set(["Consul", "Disconnect", "DispatchPayload", "Multiregion", "NUMA", "Weights"])

/** Nothing to Nomad: it keeps no empty list and no empty map apart from none (`nomad-api.md` §2.2). */
export const isNothing = (value: Json | undefined, key: string): boolean =>
  value === null ||
  value === undefined ||
  (typeof value === "object" && Object.keys(value).length === 0 && !objects.has(key))

/** Equal as Nomad compares specs; the order in lists counts. `key` is the name under which the values stand. */
export const sameJson = (a: Json | undefined, b: Json | undefined, key = ""): boolean => {
  if (isNothing(a, key) || isNothing(b, key)) return isNothing(a, key) && isNothing(b, key)
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, at) => sameJson(item, b[at]))
  }
  if (isObject(a)) {
    if (!isObject(b)) return false
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((each) =>
      sameJson(a[each], b[each], each)
    )
  }
  // A timestamp may be a number on one side and exact on the other.
  return typeof a === "bigint" || typeof b === "bigint" ? printJson(a) === printJson(b) : a === b
}

/** The text, or `otherwise` where there is none. */
export const textOf = (value: Json | undefined, otherwise = ""): string =>
  typeof value === "string" && value !== "" ? value : otherwise

/** Evaluations and whole allocations leave out what is empty; jobs, deployments and stubs do not. */
export const withoutEmpty = (object: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(object).filter(
      ([, value]) => value !== null && value !== "" && value !== 0 && value !== undefined
    )
  )
