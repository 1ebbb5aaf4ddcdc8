import { readFileSync } from "node:fs"

/** What the system says that a process has used. */
export interface ProcessUse {
  /** User and system time of all its threads, in milliseconds. */
  readonly cpu: number
  /** Resident memory now, and the most that it ever was, in MiB. */
  readonly resident: number
  readonly peak: number
}

// USER_HZ, which is 100 on every Linux that Node runs on (proc(5)).
const ticksASecond = 100

/** Of a process that runs, by `/proc`. */
export const processUse = (pid: number): ProcessUse => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  // The name, second, may hold spaces and brackets; `utime` and `stime` are the 14th and 15th.
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
  const status = readFileSync(`/proc/${pid}/status`, "utf8")
  const mebibytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / 1024
  return {
    cpu: ((Number(user) + Number(system)) / ticksASecond) * 1000,
    resident: mebibytes("VmRSS"),
    peak: mebibytes("VmHWM")
  }
}
