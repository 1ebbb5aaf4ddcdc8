import { isTerminal } from "./Allocation.ts"
import { isActive } from "./Deployment.ts"
import { isOpen } from "./Evaluation.ts"
import { isParent, type Job } from "./Job.ts"
import type { State } from "./State.ts"

/** The status of a job as what belongs to it has it: `dead` is not stopped (`nomad-api.md` §2.1). */
export const statusOf = (state: State, job: Job): Job["Status"] => {
  if (job.Type === "system" || isParent(job)) return job.Stop ? "dead" : "running"
  if (state.deploymentsOf(job.Namespace, job.ID).some(isActive)) return "running"
  if (state.allocationsOf(job.Namespace, job.ID).some((each) => !isTerminal(each))) return "running"
  const evaluations = state.evaluationsOf(job.Namespace, job.ID)
  if (evaluations.some(isOpen)) return "pending"
  return evaluations.length > 0 || job.Stop ? "dead" : "pending"
}
