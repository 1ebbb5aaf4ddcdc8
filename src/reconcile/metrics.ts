import { Effect, Metric } from "effect"
import type { Registered, Steered } from "../deployer/Deployer.ts"
import type { AttemptState } from "../domain/Attempt.ts"

const counter = (name: string, description: string) =>
  Metric.counter(name, { description, incremental: true })

const polls = counter("registrywatcher_registry_polls_total", "Polls of a registry, by registry and result")
const registers = counter(
  "registrywatcher_registers_total",
  "Registers sent to Nomad, by what its answer proves"
)
const rollouts = counter("registrywatcher_rollouts_total", "Rollouts of accepted attempts, by outcome")

const orders = counter(
  "registrywatcher_rollout_orders_total",
  "Promotions and failings of rollouts sent to Nomad, by who ordered them and what its answer proves"
)

const notifications = counter("registrywatcher_notifications_total", "Notifications, by what became of them")
const backlog = Metric.gauge("registrywatcher_notifications_backlog", {
  description: "Notifications that wait to be sent"
})
const brakes = counter("registrywatcher_brakes_total", "How often the brake was put on")
const brake = Metric.gauge("registrywatcher_brake", {
  description: "1 while the brake pauses automatic moves that no push explains, on the leader"
})

const streams = Metric.gauge("registrywatcher_nomad_events", {
  description: "1 for the state that Nomad's event stream of a namespace is in, on the leader"
})
const unreadEvents = counter(
  "registrywatcher_nomad_events_unread_total",
  "Lines of Nomad's event stream that could not be read"
)

const count = (metric: typeof polls, attributes: Readonly<Record<string, string>>): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(metric, attributes), 1)

/** `result`: `answered`, or the reason of the registry's error. */
export const countPoll = (registry: string, result: string) => count(polls, { registry, result })
export const countRegister = (answer: string) => count(registers, { answer })
/** `by`: a `person`, or `healthy` canaries. */
export const countSteered = (order: string, by: string, answer: string) =>
  count(orders, { order, by, answer })
export const countRollout = (outcome: string) => count(rollouts, { outcome })

/** `result`: `sent`, `failed` (to be tried again), `refused` (given up), `dropped` (too many waited, or unreadable). */
export const countNotifications = (result: string, by: number): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(notifications, { result }), by)
export const setBacklog = (waiting: number): Effect.Effect<void> => Metric.update(backlog, waiting)
export const countBrake = Metric.update(brakes, 1)
export const showBrake = (isOn: boolean) => Metric.update(brake, isOn ? 1 : 0)
interface Place {
  readonly region: string
  readonly namespace: string
}
/** 0 makes it begin. */
export const countUnreadEvents = ({ region, namespace }: Place, by: 0 | 1): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(unreadEvents, { region, namespace }), by)

const streamStates = ["open", "refused", "silent", "unreachable"] as const
/** `null`: this instance does not listen, or not any more. */
export const showStream = (
  { region, namespace }: Place,
  state: (typeof streamStates)[number] | null
): Effect.Effect<void> =>
  Effect.forEach(
    streamStates,
    (each) =>
      Metric.update(
        Metric.withAttributes(streams, { region, namespace, state: each }),
        each === state ? 1 : 0
      ),
    { discard: true }
  )

const answers = ["Accepted", "Conflict", "Rejected", "NotApplied", "Unknown"] satisfies ReadonlyArray<
  Registered["_tag"]
>
const steered = ["Done", "Refused", "NotApplied", "Unknown"] satisfies ReadonlyArray<Steered["_tag"]>
/** Who orders what of a rollout: only people fail one. */
const ordered = [
  { order: "promote", by: "person" },
  { order: "promote", by: "healthy" },
  { order: "fail", by: "person" }
]
const outcomes = ["succeeded", "failed", "reverted", "superseded"] satisfies ReadonlyArray<AttemptState>
const results = ["sent", "failed", "refused", "dropped"]

/**
 * Writes down what did not happen yet: Prometheus sees no increase in a series whose first sample is 1, and the alert on
 * the first failed rollout would be silent.
 */
export const beginCounts: Effect.Effect<void> = Effect.all(
  [
    ...answers.map((answer) => Metric.update(Metric.withAttributes(registers, { answer }), 0)),
    ...outcomes.map((outcome) => Metric.update(Metric.withAttributes(rollouts, { outcome }), 0)),
    ...results.map((result) => Metric.update(Metric.withAttributes(notifications, { result }), 0)),
    ...ordered.flatMap((who) =>
      steered.map((answer) => Metric.update(Metric.withAttributes(orders, { ...who, answer }), 0))
    ),
    Metric.update(brakes, 0),
    setBacklog(0),
    showBrake(false)
  ],
  { discard: true }
)
