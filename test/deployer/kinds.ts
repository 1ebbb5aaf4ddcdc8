import { Effect } from "effect"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { image, type Json } from "./jobs.ts"
import { eventually } from "./simulated.ts"

type Kind = "service" | "system" | "batch" | "sysbatch"

/** A job of another type, without what Nomad refuses of it (`nomad-api.md` §3.3). */
export const jobOf = (
  id: string,
  Type: Kind,
  rest: Json = {},
  of: Partial<Parameters<typeof sampleJob>[0]> = {}
) => {
  const job = sampleJob({ id, image: `${image}:1.0.0`, minHealthyTime: 200, ...of })
  const groups = job["TaskGroups"] as unknown as ReadonlyArray<Json>
  const TaskGroups = groups.map(({ Update, ReschedulePolicy, ...group }) => ({
    ...group,
    ...(!Type.includes("batch") && { Update }),
    ...(!Type.startsWith("sys") && { ReschedulePolicy })
  }))
  return { ...job, ...rest, Type, TaskGroups } as ReturnType<typeof sampleJob>
}

export const call = <A>(path: string, method = "GET", body?: unknown) =>
  Effect.flatMap(NomadSimulator, ({ url }) =>
    Effect.promise(async () => {
      const answer = await fetch(`${url}${path}`, {
        method,
        ...(body !== undefined && { body: JSON.stringify(body) })
      })
      const text = await answer.text()
      return (answer.status === 200 ? JSON.parse(text) : text) as A
    })
  )
export const imagesOf = (id: string, namespace = "default") =>
  Effect.gen(function* () {
    const job = yield* (yield* NomadSimulator).job(namespace, id)
    return (job?.TaskGroups ?? []).flatMap(({ Tasks }) => Tasks.map(({ Config }) => Config?.["image"]))
  })
export const deploymentsOf = (id: string) =>
  Effect.map(call<ReadonlyArray<unknown>>(`/v1/job/${id}/deployments`), (made) => made.length)

/** Until Nomad has nothing to do for it any more. */
export const settledJob = (id: string) =>
  eventually(
    call<ReadonlyArray<Json>>(`/v1/job/${id}/evaluations`),
    (all) => all.length > 0 && all.every(({ Status }) => Status === "complete")
  ).pipe(
    Effect.andThen(
      eventually(
        call<ReadonlyArray<Json>>(`/v1/job/${id}/allocations`),
        (all) => all.length > 0 && all.every(({ ClientStatus }) => ClientStatus !== "pending")
      )
    )
  )
