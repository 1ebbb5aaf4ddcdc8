import { Effect } from "effect"
import { type Allocation, allocationJson, allocationStub } from "./Allocation.ts"
import { type Asked, may, permissionDenied } from "./Asked.ts"
import { type Evaluation, evaluationJson } from "./Evaluation.ts"
import { type Answer, invalidMethod, namespaceOf, type Read, read, requireUuid } from "./Http.ts"
import { shown } from "./jobsRoute.ts"
import { pageSize } from "./jobViews.ts"
import type { JsonObject } from "./Json.ts"
import { byCreation, byText, paginate } from "./paginate.ts"
import { refuse, type Refusal } from "./Refusal.ts"
import type { Writer } from "./registerJob.ts"

type Answering = Effect.Effect<Answer, Refusal>

interface Kept {
  readonly ID: string
  readonly Namespace: string
  readonly CreateIndex: number
}

/** A list of evaluations, allocations or deployments: by id where a prefix is asked for, else the oldest first. */
export const listed = <A extends Kept>(
  { cluster }: Writer,
  request: Asked,
  table: "evaluations" | "allocations" | "deployments",
  all: () => Iterable<A>,
  jsonOf: (item: A) => JsonObject
): Answering =>
  Effect.gen(function* () {
    const { method, query } = request
    if (method !== "GET") return yield* invalidMethod
    const namespace = namespaceOf(query)
    const perPage = yield* pageSize(query)
    const isShown = shown(yield* may(request, namespace, "read-job"), namespace, "read-job")
    const prefix = query.get("prefix") ?? ""
    const order = prefix === "" ? byCreation : byText<A>(({ ID }) => ID)
    return yield* read(cluster, query, (): Read => {
      const index = cluster.state.tables[table]
      const matching = [...all()]
        .filter((each) => isShown(each) && each.ID.startsWith(prefix))
        .toSorted((a, b) => order.compare(a, order.tokenOf(b)))
      const ordered = query.get("reverse") === "true" ? matching.toReversed() : matching
      const page = paginate(ordered, query, perPage, order, jsonOf)
      return "refused" in page ? { index, ...page } : { index, body: page.items.map(jsonOf), ...page.next }
    })
  })

/** Reads one object by its id: who may read nothing in the namespace asked for is refused before it is looked for. */
export const reading = <A extends Kept>(
  { cluster }: Writer,
  request: Asked,
  parts: {
    readonly id: string
    readonly words: string
    readonly missing: string
    readonly table: "evaluations" | "allocations" | "deployments"
    readonly find: () => A | undefined
    readonly jsonOf: (item: A) => JsonObject
    readonly index: (item: A) => number
    /** One of another namespace than the one asked for is hidden, not refused. */
    readonly hidesForeign?: boolean
  }
): Answering =>
  Effect.gen(function* () {
    const { method, query } = request
    if (method !== "GET") return yield* invalidMethod
    const namespace = namespaceOf(query)
    const rights = yield* may(request, namespace, "read-job")
    yield* requireUuid(parts.id, parts.words)
    const found = parts.find()
    const isForeign = found !== undefined && !rights.allows(found.Namespace, "read-job")
    if (isForeign && parts.hidesForeign !== true) return yield* permissionDenied
    return yield* read(cluster, query, (): Read => {
      const latest = parts.find()
      return latest === undefined || !shown(rights, namespace, "read-job")(latest)
        ? { index: cluster.state.tables[parts.table], missing: parts.missing }
        : { index: parts.index(latest), body: parts.jsonOf(latest) }
    })
  })

const byId = (a: Allocation, b: Allocation): number => (a.ID < b.ID ? -1 : 1)

/** Stubs of the allocations that belong to the evaluation or deployment of that id. */
export const allocationsWhere = (
  { cluster }: Writer,
  request: Asked,
  id: string,
  isIt: (allocation: Allocation) => boolean
): Answering =>
  Effect.gen(function* () {
    const { state, node } = cluster
    if (request.method !== "GET") return yield* invalidMethod
    const namespace = namespaceOf(request.query)
    const isShown = shown(yield* may(request, namespace, "read-job"), namespace, "read-job")
    if (id.length !== 36) return yield* refuse(500, "index error: UUID must be 36 characters")
    return yield* read(cluster, request.query, () => ({
      index: state.tables.allocations,
      body: [...state.allocations.values()]
        .filter((each) => isIt(each) && isShown(each))
        .toSorted(byId)
        .map((each) => allocationStub(each, node))
    }))
  })

/** `/v1/evaluations`, and `/v1/evaluation/:id` with its allocations under it. */
export const evaluationRoute = (writer: Writer, request: Asked): Answering => {
  const { state } = writer.cluster
  if (request.path === "/v1/evaluations") {
    return listed(writer, request, "evaluations", () => state.evaluations.values(), evaluationJson)
  }
  const [id = "", under] = request.path.slice("/v1/evaluation/".length).split("/")
  if (under === "allocations") return allocationsWhere(writer, request, id, ({ EvalID }) => EvalID === id)
  return reading<Evaluation>(writer, request, {
    id,
    words: "failed to lookup eval: eval",
    missing: "eval not found",
    table: "evaluations",
    find: () => state.evaluations.get(id),
    jsonOf: evaluationJson,
    index: ({ ModifyIndex }) => ModifyIndex
  })
}

/** `/v1/allocations`, and `/v1/allocation/:id`. */
export const allocationRoute = (writer: Writer, request: Asked): Answering => {
  const { state, node } = writer.cluster
  const stub = (each: Allocation) => allocationStub(each, node)
  if (request.path === "/v1/allocations") {
    return listed(writer, request, "allocations", () => state.allocations.values(), stub)
  }
  const id = request.path.slice("/v1/allocation/".length)
  return reading<Allocation>(writer, request, {
    id,
    words: "alloc",
    missing: "alloc not found",
    table: "allocations",
    find: () => state.allocations.get(id),
    jsonOf: (each) => allocationJson(each, node),
    index: ({ ModifyIndex }) => ModifyIndex
  })
}
