import { Schema } from "effect"
import type { JobChange, JobPlan } from "../../domain/JobPlan.ts"
import { Evaluation, whyUnplaced } from "./NomadRollout.ts"
import { listOrNull, recordOrNull } from "./orNull.ts"
import { plainLine } from "./plainLine.ts"

const DiffType = Schema.Literals(["None", "Added", "Deleted", "Edited"])

/** `nomad-api.md` §3.5; a part that did not change is there as well, with `Type` `None`. */
interface PartDiff {
  readonly Name?: string
  readonly Fields?: ReadonlyArray<typeof FieldDiff.Type> | null
  readonly Objects?: ReadonlyArray<PartDiff> | null
}
const FieldDiff = Schema.Struct({
  Type: DiffType,
  Name: Schema.String,
  Old: Schema.String,
  New: Schema.String
})
const part = {
  Name: Schema.optionalKey(Schema.String),
  Fields: listOrNull(FieldDiff),
  Objects: listOrNull(Schema.suspend((): Schema.Codec<PartDiff> => Part))
}
const Part = Schema.Struct(part)
const Named = { ...part, Name: Schema.String }

export const PlanAnswer = Schema.Struct({
  JobModifyIndex: Schema.Int,
  Diff: Schema.NullOr(
    Schema.Struct({
      ...part,
      TaskGroups: listOrNull(
        Schema.Struct({
          ...Named,
          Tasks: listOrNull(Schema.Struct(Named)),
          Updates: recordOrNull(Schema.Int)
        })
      )
    })
  ),
  FailedTGAllocs: Evaluation.fields.FailedTGAllocs,
  Warnings: Schema.optionalKey(Schema.String)
})

type Place = Pick<JobChange, "group" | "task">
const types = { Added: "added", Deleted: "deleted", Edited: "edited" } as const

/** What changed in a part and those within it; fields that are the same are left out: they may be secrets (X6). */
const changesOf = (part: PartDiff, place: Place, prefix = ""): ReadonlyArray<JobChange> => [
  ...(part.Fields ?? []).flatMap(({ Type, Name, Old, New }): ReadonlyArray<JobChange> =>
    Type === "None" ? [] : [{ type: types[Type], ...place, field: prefix + Name, old: Old, new: New }]
  ),
  ...(part.Objects ?? []).flatMap((inner) => changesOf(inner, place, `${prefix}${inner.Name ?? ""}.`))
]

/** Nomad's diff as a list, the job's own changes first. */
export const readPlan = ({ Diff, FailedTGAllocs, Warnings }: typeof PlanAnswer.Type): JobPlan => {
  const groups = Diff?.TaskGroups ?? []
  const unplaced = FailedTGAllocs ?? {}
  return {
    changes: [
      ...changesOf(Diff ?? {}, { group: null, task: null }),
      ...groups.flatMap((group) => [
        ...changesOf(group, { group: group.Name, task: null }),
        ...(group.Tasks ?? []).flatMap((task) => changesOf(task, { group: group.Name, task: task.Name }))
      ])
    ],
    groups: groups.map(({ Name, Updates }) => ({ name: Name, updates: Updates ?? {} })),
    unplaced: Object.keys(unplaced).length > 0 ? whyUnplaced([{ FailedTGAllocs: unplaced }]) : null,
    warnings: plainLine(Warnings ?? "", 2_000)
  }
}
