import type { Allocation } from "./Allocation.ts"
import { groupOf, type ReschedulePolicy } from "./Job.ts"
import type { Nanos } from "./time.ts"

/** Nanoseconds to wait before the next try, after the tries so far. */
const delay = (policy: ReschedulePolicy, tries: number): number => {
  if (policy.DelayFunction === "constant") return policy.Delay
  const fibonacci = (n: number): number => (n < 2 ? 1 : fibonacci(n - 1) + fibonacci(n - 2))
  const grown =
    policy.DelayFunction === "fibonacci"
      ? policy.Delay * fibonacci(tries)
      : policy.Delay * 2 ** Math.min(tries, 40)
  return policy.MaxDelay > 0 ? Math.min(grown, policy.MaxDelay) : grown
}

/** When a failed allocation may be replaced, by the policy of the job it ran; `undefined` for never. */
export const rescheduleAt = (
  allocation: Allocation
): { readonly at: Nanos; readonly delay: number } | undefined => {
  const policy = groupOf(allocation.Job, allocation.TaskGroup)?.ReschedulePolicy ?? null
  if (policy === null || allocation.ClientStatus !== "failed" || allocation.DesiredStatus === "stop")
    return undefined
  const failedAt = Object.values(allocation.TaskStates ?? {}).reduce<Nanos>(
    (latest, { FinishedAt }) => (FinishedAt !== null && FinishedAt > latest ? FinishedAt : latest),
    allocation.CreateTime
  )
  const windowStart = failedAt - BigInt(policy.Interval)
  const tries = policy.Unlimited
    ? allocation.reschedules.length
    : allocation.reschedules.filter((event) => event.RescheduleTime > windowStart).length
  if (!policy.Unlimited && tries >= policy.Attempts) return undefined
  const wait = delay(policy, tries)
  return { at: failedAt + BigInt(Math.round(wait)), delay: wait }
}
