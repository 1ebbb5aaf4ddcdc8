import { Result } from "effect"
import type { Read } from "./Http.ts"
import type { JsonObject } from "./Json.ts"
import { matchesFilter } from "./matchesFilter.ts"
import { type Filter, parseFilter } from "./parseFilter.ts"

/** One page of a list, or the refusal of its filter. */
export type Page<A> =
  | { readonly items: ReadonlyArray<A>; readonly next: Pick<Read, "nextToken"> }
  | { readonly refused: NonNullable<Read["refused"]> }

/** The order of a list and how it is told: the token of an item, and how that of another one compares with it. */
export interface Order<A> {
  readonly tokenOf: (item: A) => string
  readonly compare: (item: A, token: string) => number
}

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** By text: the jobs by namespace and id, whatever is asked for by prefix by id. */
export const byText = <A>(tokenOf: (item: A) => string): Order<A> => ({
  tokenOf,
  compare: (item, token) => compareTexts(tokenOf(item), token)
})

/** By the index at which they were made, then by id: `12.f81d…`. */
export const byCreation: Order<{ readonly CreateIndex: number; readonly ID: string }> = {
  tokenOf: ({ CreateIndex, ID }) => `${CreateIndex}.${ID}`,
  compare: ({ CreateIndex, ID }, token) => {
    const [, index, id = ""] = /^(\d+)\.(.*)$/s.exec(token) ?? []
    if (index === undefined) return compareTexts(`${CreateIndex}.${ID}`, token)
    return CreateIndex - Number(index) || compareTexts(ID, id)
  }
}

/**
 * The items that pass the filter, from `next_token` on and at most `perPage`, of a list that is in order. A filter
 * that cannot be read, or fails on an item that was reached, refuses the whole list, with `status`.
 */
export const paginate = <A>(
  list: ReadonlyArray<A>,
  query: URLSearchParams,
  perPage: number | undefined,
  { tokenOf, compare }: Order<A>,
  jsonOf: (item: A) => JsonObject,
  status = 400
): Page<A> => {
  const text = query.get("filter") ?? ""
  const filter = text === "" ? undefined : parseFilter(text)
  if (filter !== undefined && "wrong" in filter) {
    const words = `failed to create result paginator: failed to read filter expression: ${filter.wrong}`
    return { refused: { status, words } }
  }
  const from = query.get("next_token") ?? ""
  const isBefore = (item: A): boolean => {
    const order = compare(item, from)
    return query.get("reverse") === "true" ? order > 0 : order < 0
  }
  const items: Array<A> = []
  for (const item of list) {
    if (from !== "" && isBefore(item)) continue
    const passes =
      filter === undefined ? Result.succeed(true) : matchesFilter(filter satisfies Filter, jsonOf(item))
    if (Result.isFailure(passes)) {
      return { refused: { status, words: `failed to read result page: ${passes.failure}` } }
    }
    if (!passes.success) continue
    if (items.length === perPage) return { items, next: { nextToken: tokenOf(item) } }
    items.push(item)
  }
  return { items, next: {} }
}
