import type { Job, Task, TaskGroup } from "./Job.ts"
import { isNothing, isObject, type Json, type JsonObject, printJson, sameJson } from "./Json.ts"

type DiffType = "Added" | "Deleted" | "Edited" | "None"

interface FieldDiff extends JsonObject {
  readonly Name: string
  readonly Type: DiffType
  readonly Old: string
  readonly New: string
  readonly Annotations: ReadonlyArray<string> | null
}

/** What differs between two versions of a part of a job; empty lists are null, as Nomad prints them. */
export interface PartDiff extends JsonObject {
  readonly Type: DiffType
  readonly Fields: ReadonlyArray<FieldDiff> | null
  readonly Objects: ReadonlyArray<ObjectDiff> | null
}
export interface ObjectDiff extends PartDiff {
  readonly Name: string
}
export interface TaskDiff extends PartDiff {
  readonly Name: string
  readonly Annotations: ReadonlyArray<string> | null
}
export interface GroupDiff extends PartDiff {
  readonly Name: string
  readonly Tasks: ReadonlyArray<TaskDiff> | null
  readonly Updates: Readonly<Record<string, number>> | null
}
export interface JobDiff extends PartDiff {
  readonly ID: string
  readonly TaskGroups: ReadonlyArray<GroupDiff> | null
}

/** Fields of the server's own, and parts with diffs of their own or with none. */
const left = {
  job: `ID Status StatusDescription Version Stable CreateIndex ModifyIndex JobModifyIndex SubmitTime NomadTokenID
    Update TaskGroups VersionTag`.split(/\s+/),
  group: ["Name", "Tasks"],
  task: ["Name", "Config", "RestartPolicy"],
  object: ["Stagger"],
  scaling: ["CreateIndex", "ID", "ModifyIndex", "Target"]
}
/** Maps whose keys are people's own: each is a field, `Env[A]`. */
const maps = new Set(["Env", "Meta"])

const isPrimitive = (value: Json | undefined): boolean => typeof value !== "object" && value !== undefined
const textOf = (value: Json | undefined): string =>
  typeof value === "string" ? value : isPrimitive(value) ? printJson(value) : ""

/** Paths and texts of the primitive values, of nested ones only where they are people's own. */
const flat = (
  object: JsonObject | undefined,
  without: ReadonlyArray<string>,
  deep = false
): ReadonlyMap<string, string> => {
  const into = new Map<string, string>()
  const walk = (value: Json | undefined, path: string): void => {
    if (isPrimitive(value)) into.set(path, textOf(value))
    else if (Array.isArray(value)) for (const [at, each] of value.entries()) walk(each, `${path}[${at}]`)
    else if (isObject(value)) for (const [key, each] of Object.entries(value)) walk(each, `${path}[${key}]`)
  }
  for (const [key, value] of Object.entries(object ?? {})) {
    if (!without.includes(key) && (deep || maps.has(key) || isPrimitive(value))) walk(value, key)
  }
  return into
}

const fieldDiffs = (
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  contextual = false
): ReadonlyArray<FieldDiff> =>
  [...new Set([...before.keys(), ...after.keys()])].toSorted().flatMap((Name) => {
    const [Old, New] = [before.get(Name) ?? "", after.get(Name) ?? ""]
    const Type = Old === New ? "None" : Old === "" ? "Added" : New === "" ? "Deleted" : "Edited"
    return Type === "None" && !contextual ? [] : [{ Name, Type, Old, New, Annotations: null }]
  })

const orNull = <A>(list: ReadonlyArray<A>): ReadonlyArray<A> | null => (list.length === 0 ? null : list)
const typeOf = (before: unknown, after: unknown): DiffType =>
  before === undefined ? "Added" : after === undefined ? "Deleted" : "Edited"

const objectDiff = (
  Name: string,
  before: JsonObject | undefined,
  after: JsonObject | undefined,
  contextual: boolean,
  deep = false
): ReadonlyArray<ObjectDiff> => {
  if (sameJson(before ?? null, after ?? null, Name)) return []
  const fields = fieldDiffs(flat(before, left.object, deep), flat(after, left.object, deep), contextual)
  const Objects = deep ? null : orNull(objectDiffs(before, after, left.object, contextual))
  return [{ Name, Type: typeOf(before, after), Fields: orNull(fields), Objects }]
}

const scalingDiff = (
  before: JsonObject | undefined,
  after: JsonObject | undefined
): ReadonlyArray<ObjectDiff> => {
  if (sameJson(before ?? null, after ?? null)) return []
  const Fields = orNull(fieldDiffs(flat(before, left.scaling), flat(after, left.scaling)))
  const Objects = orNull(objectDiffs(before, after, left.scaling, false))
  return [{ Name: "Scaling", Type: typeOf(before, after), Fields, Objects }]
}

const asObject = (value: Json | undefined, key: string): JsonObject | undefined =>
  isObject(value) && !isNothing(value, key) ? value : undefined

/** Nested objects and lists. A list is a set: of a changed member the old one is deleted and the new one added. */
const objectDiffs = (
  before: JsonObject | undefined,
  after: JsonObject | undefined,
  without: ReadonlyArray<string>,
  contextual: boolean
): ReadonlyArray<ObjectDiff> =>
  [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].toSorted().flatMap((key) => {
    if (without.includes(key) || maps.has(key)) return []
    const [a, b] = [before?.[key], after?.[key]]
    // Of a scaling block only what differs is shown, and never what is the server's.
    if (key === "Scaling") return scalingDiff(asObject(a, key), asObject(b, key))
    if (isObject(a) || isObject(b)) return objectDiff(key, asObject(a, key), asObject(b, key), contextual)
    const [old, next] = [a, b].map((list): ReadonlyArray<Json> => (Array.isArray(list) ? list : []))
    const gone = (old ?? []).filter((each) => !(next ?? []).some((other) => sameJson(each, other)))
    const come = (next ?? []).filter((each) => !(old ?? []).some((other) => sameJson(each, other)))
    if (gone.length + come.length === 0) return []
    if ([...gone, ...come].every(isPrimitive)) {
      const field = (Type: DiffType, Old: string, New: string): FieldDiff => ({
        Name: key,
        Type,
        Old,
        New,
        Annotations: null
      })
      const Fields = [
        ...come.map((each) => field("Added", "", textOf(each))),
        ...gone.map((each) => field("Deleted", textOf(each), ""))
      ]
      const Type = gone.length === 0 ? "Added" : come.length === 0 ? "Deleted" : "Edited"
      return [{ Name: key, Type, Fields, Objects: null }]
    }
    const name = key === "Affinities" ? "Affinity" : key.replace(/s$/, "")
    const each = (from: Json | undefined, to: Json | undefined) =>
      objectDiff(name, asObject(from, name), asObject(to, name), contextual)
    return [...come.flatMap((it) => each(undefined, it)), ...gone.flatMap((it) => each(it, undefined))]
  })

const part = (
  before: JsonObject | undefined,
  after: JsonObject | undefined,
  without: ReadonlyArray<string>,
  contextual: boolean
) => ({
  Fields: orNull(fieldDiffs(flat(before, without), flat(after, without))),
  Objects: orNull(objectDiffs(before, after, without, contextual))
})

const taskDiff = (before: Task | undefined, after: Task | undefined, contextual: boolean): TaskDiff => {
  const { Fields, Objects } = part(before, after, left.task, contextual)
  const [old, next] = [before?.Config, after?.Config].map((each) => asObject(each, "Config"))
  const config = objectDiff("Config", old, next, contextual, true)
  return {
    Name: (after ?? before)?.Name ?? "",
    Type: sameJson(before ?? null, after ?? null) ? "None" : typeOf(before, after),
    Fields,
    Objects: orNull([...config, ...(Objects ?? [])]),
    Annotations: null
  }
}

const byName = <A extends { readonly Name: string }, B>(
  before: ReadonlyArray<A>,
  after: ReadonlyArray<A>,
  diff: (a: A | undefined, b: A | undefined) => B
): ReadonlyArray<B> =>
  [...new Set([...before, ...after].map(({ Name }) => Name))].toSorted().map((name) =>
    diff(
      before.find(({ Name }) => Name === name),
      after.find(({ Name }) => Name === name)
    )
  )

const groupDiff = (
  before: TaskGroup | undefined,
  after: TaskGroup | undefined,
  contextual: boolean
): GroupDiff => ({
  Name: (after ?? before)?.Name ?? "",
  Type: sameJson(before ?? null, after ?? null) ? "None" : typeOf(before, after),
  ...part(before, after, left.group, contextual),
  Tasks: orNull(byName(before?.Tasks ?? [], after?.Tasks ?? [], (a, b) => taskDiff(a, b, contextual))),
  Updates: null
})

/**
 * What a person is shown between two versions of a job. Without `contextual` parts hold only the fields that
 * differ, and only the groups and tasks that do. Nomad has a rule for each block; the names and the order of
 * blocks that are seldom changed may differ from its own.
 */
export const jobDiff = (before: Job | undefined, after: Job, contextual: boolean): JobDiff => {
  const { Fields, Objects } = part(before, after, left.job, contextual)
  const all = byName(before?.TaskGroups ?? [], after.TaskGroups, (a, b) => groupDiff(a, b, contextual))
  const changed = contextual
    ? all
    : all
        .filter(({ Type }) => Type !== "None")
        .map((group) => ({
          ...group,
          Tasks: orNull((group.Tasks ?? []).filter(({ Type }) => Type !== "None"))
        }))
  const differs = Fields !== null || Objects !== null || changed.some(({ Type }) => Type !== "None")
  return {
    ID: after.ID,
    Type: before === undefined ? "Added" : differs ? "Edited" : "None",
    Fields,
    Objects,
    TaskGroups: orNull(changed)
  }
}
