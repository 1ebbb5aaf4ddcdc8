import type { Json } from "./jobs.ts"

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null

/** Paths at which two JSON values differ; null, `[]`, `{}` and a missing key are four different things. */
export const differences = (a: unknown, b: unknown, path = ""): ReadonlyArray<string> => {
  if (Object.is(a, b)) return []
  if (!isObject(a) || !isObject(b) || Array.isArray(a) !== Array.isArray(b)) return [path]
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...keys].flatMap((key) =>
    Object.hasOwn(a, key) && Object.hasOwn(b, key)
      ? differences(a[key], b[key], `${path}/${key}`)
      : [`${path}/${key}`]
  )
}
