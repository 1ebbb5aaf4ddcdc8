import { Effect, Option, Redacted, Result, type Scope } from "effect"
import { createHash } from "node:crypto"
import { AttemptId } from "../../domain/Attempt.ts"
import type { JobRef } from "../../domain/JobRef.ts"
import type { NomadEndpoint } from "../../domain/NomadEndpoint.ts"
import { type ObservedDeployment, Runs, Unfit } from "../../domain/Observed.ts"
import type { Target } from "../../domain/Target.ts"
import type { Mapping } from "../../domain/Watched.ts"
import type { Base, Deployer, Edit, Observation } from "../Deployer.ts"
import { canonicalJson, editJob, imageFor, type RawJob } from "./editJob.ts"
import { findTasks, type MappedTask, type Misfit } from "./findTasks.ts"
import { makeNomadHttp } from "./NomadHttp.ts"
import { isParent, isSet, type NomadJob } from "./NomadJob.ts"
import { makeNomadReads } from "./NomadReads.ts"
import { type Deployment, requiresPromotion } from "./NomadRollout.ts"
import { makeChanges } from "./makeChanges.ts"
import { makeProgress } from "./makeProgress.ts"
import { makePlan } from "./makePlan.ts"
import { makeProbeRights } from "./probeRights.ts"
import { makeSteer } from "./makeSteer.ts"
import { readRegistered } from "./readRegistered.ts"
import { rewriteSubmission } from "./rewriteSubmission.ts"
import { settleByMarker } from "./settleByMarker.ts"

/** What a `Base` is to us. The job is redacted: it may hold secrets (X6). */
interface NomadBase {
  readonly ref: JobRef
  readonly job: Redacted.Redacted<RawJob>
  readonly view: NomadJob
  readonly tasks: readonly [MappedTask, ...ReadonlyArray<MappedTask>]
  readonly imageForm: Mapping["imageForm"]
}
const seal = (base: NomadBase): Base => base as unknown as Base
const unseal = (base: Base): NomadBase => base as unknown as NomadBase

/** An `Edit` with the body that will be sent, and where to. */
type NomadEdit = Omit<Edit, "_"> & { readonly ref: JobRef; readonly body: Redacted.Redacted }
const sealEdit = (edit: NomadEdit): Edit => edit as unknown as Edit
const unsealEdit = (edit: Edit): NomadEdit => edit as unknown as NomadEdit

const observedDeployment = (deployment: Deployment): ObservedDeployment => ({
  id: deployment.ID,
  status: deployment.Status,
  description: deployment.StatusDescription,
  jobVersion: deployment.JobVersion,
  requiresPromotion: requiresPromotion(deployment)
})

/** The job with the target in its mapped tasks, as a register sends it. */
const edited = (base: Base, target: Target, attempt: AttemptId): RawJob => {
  const { job, view, tasks, imageForm } = unseal(base)
  return editJob(
    Redacted.value(job),
    view,
    tasks,
    (task) => imageFor(task, target, imageForm),
    imageForm,
    attempt
  )
}

/** A plan needs a marker too, as each register has a new one. */
const noAttempt = AttemptId.make("00000000-0000-0000-0000-000000000000")

/** Jobs that no register may touch, whatever the mapping says (S21; `nomad-api.md` §2.1). */
const misfitOf = (job: NomadJob): Misfit | undefined => {
  if (job.Stop) return { reason: "job_stopped", words: `job "${job.ID}" is stopped` }
  if (job.ParentID !== "")
    return { reason: "job_child", words: `job "${job.ID}" is a child of "${job.ParentID}"` }
  if (job.Dispatched) return { reason: "job_child", words: `job "${job.ID}" was dispatched` }
  if (isSet(job.Multiregion))
    return { reason: "job_multiregion", words: `job "${job.ID}" is a multiregion job` }
  return undefined
}

/** `Deployer` over Nomad's HTTP API; the recipe is `nomad-api.md` §11.4. */
export const makeNomadDeployer = (
  nomad: NomadEndpoint
): Effect.Effect<Deployer["Service"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const { http, openStream } = yield* makeNomadHttp(nomad)
    const reads = makeNomadReads(http, nomad)
    const planJob = makePlan(http, reads)
    const probeRights = makeProbeRights(http, reads, nomad.vaultToken)

    const read = Effect.fnUntraced(function* (mapping: Mapping) {
      const { job: ref } = mapping
      const found = yield* reads.job(ref)
      if (Option.isNone(found)) {
        const words = `namespace "${ref.namespace}" has no job "${ref.job}"`
        return { observed: Unfit.make({ reason: "job_absent", words, modifyIndex: 0 }), base: undefined }
      }
      const { raw, view } = found.value
      const misfit = misfitOf(view)
      const tasks = misfit === undefined ? findTasks(mapping, view) : Result.fail(misfit)
      if (Result.isFailure(tasks))
        return {
          observed: Unfit.make({ ...tasks.failure, modifyIndex: view.ModifyIndex }),
          base: undefined
        }
      const deployment = yield* reads.latestDeployment(ref)
      const [first, ...rest] = tasks.success
      const observed = Runs.make({
        tasks: [first.observed, ...rest.map((task) => task.observed)],
        jobType: view.Type,
        isParent: isParent(view),
        version: view.Version,
        createIndex: view.CreateIndex,
        modifyIndex: view.ModifyIndex,
        jobModifyIndex: view.JobModifyIndex,
        deployment: deployment === null ? null : observedDeployment(deployment)
      })
      const base = seal({
        ref,
        job: Redacted.make(raw),
        view,
        tasks: tasks.success,
        imageForm: mapping.imageForm
      })
      return { observed, base }
    })

    const observe: Deployer["Service"]["observe"] = Effect.fn("Deployer.observe")(
      (mapping): Effect.Effect<Observation> =>
        Effect.catch(read(mapping), (unread) => Effect.succeed({ observed: unread, base: undefined }))
    )

    const edit: Deployer["Service"]["edit"] = Effect.fn("Deployer.edit")(function* (base, target, attempt) {
      const { ref, view, tasks, imageForm } = unseal(base)
      const image = (task: MappedTask) => imageFor(task, target, imageForm)
      const sent = edited(base, target, attempt)
      const submission = rewriteSubmission(
        yield* reads.submission(ref, view.Version),
        sent,
        tasks.map((task) => ({ task, image: image(task) }))
      )
      // Servers from 1.10 on ignore it; it is not in the stored source.
      const posted =
        nomad.vaultToken === undefined ? sent : { ...sent, VaultToken: Redacted.value(nomad.vaultToken) }
      const body = {
        Job: posted,
        EnforceIndex: true,
        JobModifyIndex: view.JobModifyIndex,
        PreserveCounts: true,
        ...(submission === undefined ? {} : { Submission: submission })
      }
      return sealEdit({
        attempt,
        imageSent: image(tasks[0]),
        jobHash: createHash("sha256").update(canonicalJson(posted)).digest("hex"),
        baseIndex: view.JobModifyIndex,
        baseVersion: view.Version,
        ref,
        body: Redacted.make(JSON.stringify(body))
      })
    })

    const plan: Deployer["Service"]["plan"] = Effect.fn("Deployer.plan")((base, target) => {
      const { ref, view } = unseal(base)
      return planJob(ref, edited(base, target, noAttempt), view.JobModifyIndex)
    })

    const register: Deployer["Service"]["register"] = Effect.fn("Deployer.register")(function* (sealed) {
      const { ref, body, baseIndex } = unsealEdit(sealed)
      const query = reads.scopeQuery(ref)
      const answer = yield* Effect.catch(
        http({ method: "POST", path: "/v1/jobs", query, body }),
        Effect.succeed
      )
      return readRegistered(answer, { namespace: query.namespace, baseIndex })
    })

    const rights: Deployer["Service"]["rights"] = Effect.fn("Deployer.rights")((base) => {
      const { ref, job, view, tasks } = unseal(base)
      return probeRights(
        ref,
        Redacted.value(job),
        view,
        tasks.map(({ observed }) => observed)
      )
    })

    const settle: Deployer["Service"]["settle"] = Effect.fn("Deployer.settle")(function* (attempt) {
      const versions = yield* reads.versions(attempt, attempt.baseIndex)
      return settleByMarker(
        attempt,
        versions.map(({ view }) => view)
      )
    })

    return {
      observe,
      edit,
      plan,
      register,
      rights,
      settle,
      progress: makeProgress(reads),
      ...makeSteer(http, reads),
      indexes: Effect.fn("Deployer.indexes")((scope) => reads.indexes(scope)),
      changes: makeChanges(openStream, reads)
    }
  })
