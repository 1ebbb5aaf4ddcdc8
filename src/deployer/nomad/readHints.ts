import { Option, Schema } from "effect"
import type { Hint } from "../Hint.ts"

/** What we look at in an event; the job in it may hold secrets, and goes nowhere (X6). */
const Event = Schema.Struct({
  Index: Schema.Int,
  Payload: Schema.Struct({
    Deleted: Schema.optionalKey(Schema.Boolean),
    Job: Schema.optionalKey(Schema.Struct({ ID: Schema.String, JobModifyIndex: Schema.Int })),
    Deployment: Schema.optionalKey(Schema.Struct({ JobID: Schema.String, Status: Schema.String }))
  })
})
/** `{}` is a sign of life. */
const decodeLine = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ Events: Schema.optionalKey(Schema.NullOr(Schema.Array(Event))) }))
)

/** The hints in one line of the event stream (`nomad-api.md` §7.1); `null` is one that was too long to be kept. */
export const readHints = (line: string | null): ReadonlyArray<Hint> => {
  const read = line === null ? Option.none() : decodeLine(line)
  return Option.match(read, {
    onNone: () => [{ _tag: "Missed" }],
    onSome: ({ Events }) => (Events ?? []).flatMap(hintsOf)
  })
}

const hintsOf = ({ Index: index, Payload }: typeof Event.Type): ReadonlyArray<Hint> => {
  const { Job, Deployment, Deleted } = Payload
  // Its type names the entry of the log and not what changed: a rollback writes the job as well (§7.1).
  if (Job !== undefined)
    return [
      { _tag: Deleted === true || Job.JobModifyIndex === index ? "Written" : "Moved", job: Job.ID, index }
    ]
  // While one runs it is told of at each allocation: whoever follows it asks by itself.
  if (Deployment === undefined || Deployment.Status === "running") return []
  return [{ _tag: "Moved", job: Deployment.JobID, index }]
}
