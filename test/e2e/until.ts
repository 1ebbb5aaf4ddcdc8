import { inspect } from "node:util"
import { setTimeout as pause } from "node:timers/promises"

/** Asks again every 50 ms, or `every`, until the answer is true; what throws is no answer yet. Fails after `seconds`. */
export const until = async (
  what: string,
  isSo: () => boolean | Promise<boolean>,
  seconds = 20,
  every = 50
): Promise<void> => {
  const deadline = performance.now() + seconds * 1000
  let last = ""
  while (performance.now() < deadline) {
    try {
      if (await isSo()) return
    } catch (error) {
      last = inspect(error)
    }
    await pause(every)
  }
  throw new Error(`waited ${seconds} s for ${what}${last === "" ? "" : `: ${last}`}`)
}
