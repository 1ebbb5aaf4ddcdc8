import type { Fault } from "./Fault.ts"
import type { Route } from "./Reply.ts"

/** Faults that are set; the newest that matches a read is the one that hits it. */
export const makeFaults = () => {
  let set: ReadonlyArray<{ readonly fault: Fault; left: number }> = []
  return {
    add: (fault: Fault) => {
      set = [{ fault, left: fault.times ?? Infinity }, ...set]
    },
    clear: () => {
      set = []
    },
    /** Takes one of its times. */
    take: (method: string, route: Route): Fault | undefined => {
      const hit = set.find(({ fault, left }) => left > 0 && matches(fault, method, route))
      if (hit === undefined) return undefined
      hit.left--
      return hit.fault
    }
  }
}
export type Faults = ReturnType<typeof makeFaults>

const matches = (fault: Fault, method: string, { subject, image, page }: Route): boolean =>
  (method === "GET" || method === "HEAD") &&
  (fault.image === undefined || fault.image === image) &&
  (fault.on === undefined || fault.on === subject) &&
  (fault.method === undefined || fault.method === method) &&
  (fault.page === undefined ||
    fault.page === page?.number ||
    (fault.page === "last" && page?.isLast === true))
