import type { Allocation } from "./Allocation.ts"
import { groupOf, type Task } from "./Job.ts"
import { type JsonObject, textOf } from "./Json.ts"

/** What the node says of itself in `${attr.…}` and `${node.…}`. It has no metadata. */
export const nodeAttributes: Readonly<Record<string, string>> = {
  "attr.kernel.name": "linux",
  "attr.os.name": "debian",
  "attr.cpu.arch": "amd64",
  "attr.nomad.service_discovery": "true",
  "node.datacenter": "dc1",
  "node.class": "",
  "node.pool": "default"
}

const environment = (allocation: Allocation, task: Task): Readonly<Record<string, string>> => {
  const { Job, TaskGroup, ID, Name, Namespace } = allocation
  const meta: JsonObject = { ...Job.Meta, ...groupOf(Job, TaskGroup)?.Meta, ...task.Meta }
  const named = Object.entries(meta).flatMap(([key, value]) => {
    const clean = key.replace(/[^A-Za-z0-9_]/g, "_")
    return [clean, clean.toUpperCase()].map((each) => [`NOMAD_META_${each}`, textOf(value)])
  })
  const own = task["Env"] === null ? {} : (task["Env"] as Readonly<Record<string, string>>)
  return {
    ...own,
    ...Object.fromEntries(named),
    NOMAD_ALLOC_ID: ID,
    NOMAD_ALLOC_NAME: Name,
    NOMAD_ALLOC_INDEX: /\[(\d+)\]$/.exec(Name)?.[1] ?? "0",
    NOMAD_DC: "dc1",
    NOMAD_GROUP_NAME: TaskGroup,
    NOMAD_JOB_ID: Job.ID,
    NOMAD_JOB_NAME: Job.Name,
    NOMAD_NAMESPACE: Namespace,
    NOMAD_REGION: "global",
    NOMAD_TASK_NAME: task.Name
  }
}

/** A text of a driver's config as the client reads it, or why it cannot. */
export const interpolate = (
  text: string,
  allocation: Allocation,
  task: Task
): { readonly text: string } | { readonly wrong: string } => {
  const variables = environment(allocation, task)
  let wrong: string | undefined
  const expanded = text.replace(/\$\{\s*([^}\s]+)\s*\}/g, (written, path: string) => {
    const [root = "", ...rest] = path.split(".")
    const value = root === "env" ? variables[rest.join(".")] : (nodeAttributes[path] ?? variables[path])
    if (value !== undefined) return value
    const isOfNode = rest.length > 0 && ["attr", "node", "meta", "env"].includes(root)
    wrong ??= isOfNode
      ? `Unsupported attribute: This object does not have an attribute named "${rest[0]}".`
      : `Unknown variable: There is no variable named "${root}".`
    return written
  })
  return wrong === undefined ? { text: expanded } : { wrong }
}

/** The words of a client that cannot read a task's config. */
export const invalidConfig = (wrong: string): string =>
  `2 errors occurred:\n\t* failed to parse config: \n\t* ${wrong}\n\n`
