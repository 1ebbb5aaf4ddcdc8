import { Effect } from "effect"
import type { Asked } from "./Asked.ts"
import { type Answer, bodyOf, kindOf, metadata, writeAnswer } from "./Http.ts"
import { asList } from "./Job.ts"
import { isObject, type JsonObject, textOf } from "./Json.ts"
import { refuse, type Refusal } from "./Refusal.ts"
import { register, type Registered, type Writer } from "./registerJob.ts"

type Answering = Effect.Effect<Answer, Refusal>

export const registeredAnswer = (registered: Registered): Answer =>
  writeAnswer(registered.Index, { Warnings: "", ...registered, ...metadata })

/** The body's region counts before that of the job; one of several regions goes to the first, unless this is one. */
export const refuseForeignRegion = (
  { cluster: { enterprise } }: Writer,
  { query }: Asked,
  body: JsonObject,
  job: JsonObject
): Effect.Effect<void, Refusal> => {
  const asked = textOf(body["Region"], textOf(query.get("region") ?? "", textOf(job["Region"], "global")))
  const several =
    !enterprise && isObject(job["Multiregion"]) ? asList(job["Multiregion"]["Regions"]).filter(isObject) : []
  const names = several.map(({ Name }) => textOf(Name))
  const region = names.length === 0 || names.includes(asked) ? asked : (names[0] ?? asked)
  return region === "global" ? Effect.void : refuse(500, "No path to region")
}

/** `POST /v1/jobs`, and `POST /v1/job/:id`, whose id must be the job's. */
export const registerRoute = (writer: Writer, request: Asked, id: string | undefined): Answering =>
  Effect.gen(function* () {
    const body = yield* bodyOf(request)
    const job = body["Job"]
    if (!isObject(job)) return yield* refuse(400, "Job must be specified")
    yield* checkTypes(job)
    if (!job["ID"]) return yield* refuse(400, "Job ID hasn't been provided")
    if (id !== undefined && job["ID"] !== id) return yield* refuse(400, "Job ID does not match name")
    const priority = Number(body["EvalPriority"] ?? 0)
    if (priority < 0 || priority > 100) {
      return yield* refuse(400, "Eval priority must be between 1 and 100 inclusively")
    }
    yield* refuseForeignRegion(writer, request, body, job)
    const own = textOf(body["Namespace"], textOf(job["Namespace"], "default"))
    const namespace = request.query.get("namespace") || own
    return registeredAnswer(yield* register(writer, body, job, namespace, request))
  })

const jobTypes: Readonly<Record<string, string>> = {
  ID: "string",
  Name: "string",
  Namespace: "string",
  Region: "string",
  Type: "string",
  Priority: "number",
  Stop: "boolean",
  Datacenters: "array",
  TaskGroups: "array"
}
const goTypes: Readonly<Record<string, string>> = {
  string: "string",
  number: "int",
  boolean: "bool",
  array: "[]"
}

/** A field of the wrong JSON type is a 400 in the words of Go's decoder. */
const checkTypes = (job: JsonObject): Effect.Effect<void, Refusal> => {
  for (const [key, wanted] of Object.entries(jobTypes)) {
    const value = job[key]
    if (value === undefined || value === null) continue
    const kind = Array.isArray(value) ? "array" : typeof value
    if (kind === wanted) continue
    const words = `json: cannot unmarshal ${kindOf(value)} into Go struct field Job.Job.${key} of type ${goTypes[wanted]}`
    return refuse(400, words)
  }
  return Effect.void
}
