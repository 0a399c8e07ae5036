// Numbers as people read them. Pure; unknown stays "unknown".

export const UNKNOWN = "unknown";

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const cents = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

type Maybe = number | null | undefined;

function isKnown(n: Maybe): n is number {
  return n !== null && n !== undefined && Number.isFinite(n);
}

/** `12345` → `12,345`. */
export function count(n: Maybe): string {
  return isKnown(n) ? whole.format(n) : UNKNOWN;
}

/** Four characters or so, for axes and cells: `12345` → `12k`. */
export function compact(n: Maybe): string {
  if (!isKnown(n)) return UNKNOWN;
  const size = Math.abs(n);
  for (const [unit, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]] as const) {
    // 999,950 would round to "1000k".
    if (size >= unit * 0.99995) {
      const scaled = n / unit;
      const digits = Math.abs(scaled) < 9.95 ? 1 : 0;
      return `${scaled.toFixed(digits).replace(/\.0$/, "")}${letter}`;
    }
  }
  return Number.isInteger(n) ? String(n) : one.format(n).replace(/\.0$/, "");
}

/** Per second: `42.06` → `42.1/s`, `1234` → `1,234/s`. */
export function rate(n: Maybe): string {
  if (!isKnown(n)) return UNKNOWN;
  return `${Math.abs(n) < 99.95 ? one.format(n) : whole.format(n)}/s`;
}

const DAY = 86_400;
const HOUR = 3_600;
const MINUTE = 60;

/** Two units at most: `45s`, `1m 40s`, `2h 5m`, `3d 4h`. */
export function duration(seconds: Maybe): string {
  if (!isKnown(seconds)) return UNKNOWN;
  if (seconds < 0) return `−${duration(-seconds)}`;
  const s = Math.round(seconds);
  if (s < MINUTE) return `${s}s`;
  if (s < HOUR) return pair(Math.floor(s / MINUTE), "m", s % MINUTE, "s");
  const minutes = Math.round(s / MINUTE);
  if (s < DAY && minutes < DAY / MINUTE) return pair(Math.floor(minutes / 60), "h", minutes % 60, "m");
  const hours = Math.round(s / HOUR);
  return pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

function pair(major: number, majorUnit: string, minor: number, minorUnit: string): string {
  return minor === 0 ? `${major}${majorUnit}` : `${major}${majorUnit} ${minor}${minorUnit}`;
}

/**
 * `1.234` → `$1.23`.
 *
 * Below ten cents there are four decimals: the first minutes of a cheap burst cost less than a cent,
 * and a figure that stands still looks broken.
 */
export function dollars(n: Maybe): string {
  if (!isKnown(n)) return UNKNOWN;
  if (n < 0) return `−${dollars(-n)}`;
  if (n > 0 && n < 0.00005) return "<$0.0001";
  if (n > 0 && n < 0.09995) return `$${n.toFixed(4)}`;
  return `$${cents.format(n)}`;
}

/** `1.234` → `$1.23/h`. */
export function dollarsPerHour(n: Maybe): string {
  return isKnown(n) ? `${dollars(n)}/h` : UNKNOWN;
}

/** `0.5` → `50%`. */
export function percent(ratio: Maybe): string {
  return isKnown(ratio) ? `${whole.format(ratio * 100)}%` : UNKNOWN;
}

/** `1234567` → `1.2 MB`. */
export function bytes(n: Maybe): string {
  if (!isKnown(n)) return UNKNOWN;
  for (const [unit, name] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]] as const) {
    if (n >= unit) return `${one.format(n / unit)} ${name}`;
  }
  return `${whole.format(n)} B`;
}

/** `1 worker`, `2 workers`. */
export function plural(n: number, word: string): string {
  return `${count(n)} ${word}${n === 1 ? "" : "s"}`;
}

/** Seconds since 1970 of an RFC 3339 time; none if it is not one. */
export function instant(at: string): number | null {
  // Not every browser reads nine digits of a fraction.
  const millis = Date.parse(at.replace(/(\.\d{3})\d+/, "$1"));
  return Number.isNaN(millis) ? null : millis / 1000;
}

const clockTime = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dateTime = new Intl.DateTimeFormat("en-GB", {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  timeZoneName: "short",
});

/** Time of day where the reader is: `14:03:20`. */
export function clock(seconds: Maybe): string {
  return isKnown(seconds) ? clockTime.format(seconds * 1000) : UNKNOWN;
}

/** Seconds between two RFC 3339 times, of the same clock: the reader's may go otherwise. */
export function span(one: string, other: string | undefined): number | null {
  const [a, b] = [instant(one), other === undefined ? null : instant(other)];
  return a === null || b === null ? null : Math.abs(a - b);
}

/** `90` → `1m 30s ago`; what was a moment ago is now. */
export function ago(seconds: Maybe): string {
  return isKnown(seconds) && seconds < 1.5 ? "now" : isKnown(seconds) ? `${duration(seconds)} ago` : UNKNOWN;
}

/** Date and time with the zone. */
export function moment(seconds: Maybe): string {
  return isKnown(seconds) ? dateTime.format(seconds * 1000) : UNKNOWN;
}

const dayName = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });

/** The day where the reader is: `Wed, 25 Nov`. */
export function day(seconds: Maybe): string {
  return isKnown(seconds) ? dayName.format(seconds * 1000) : UNKNOWN;
}

/** `service_rate_soon` → `service rate soon`, without the unit that the value carries. */
export function label(key: string): string {
  return key
    .replace(/_(seconds|per_hour)$/, (_, unit: string) => (unit === "per_hour" ? " now" : ""))
    .replaceAll("_", " ");
}

/** A free-form number by what its name says of its unit. */
export function byName(key: string, value: unknown): string {
  if (key === "drain_eta_seconds" && value === null) return "never or unknown";
  if (value === null || value === undefined) return UNKNOWN;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return isoDuration(value) ?? value;
  if (typeof value !== "number") return JSON.stringify(value);
  if (key.endsWith("_seconds")) return duration(value);
  if (key.endsWith("_per_hour")) return dollarsPerHour(value);
  if (/(^|_)(cost|dollars|budget|price|spent)(_|$)/.test(key)) return dollars(value);
  if (/(^|_)rate(_|$)/.test(key)) return rate(value);
  if (key.endsWith("_ratio")) return percent(value);
  return Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(4)));
}

/** `PT1M40S` → `1m 40s`; none if it is something else. */
function isoDuration(text: string): string | null {
  const parts = /^(-)?P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$/i.exec(text);
  if (!parts || text.length < 3) return null;
  const [, sign, d = 0, h = 0, m = 0, s = 0] = parts;
  const seconds = Number(d) * DAY + Number(h) * HOUR + Number(m) * MINUTE + Number(s);
  return duration(sign ? -seconds : seconds);
}

/** Nested numbers as a flat list: `{pools: {a10: 2}}` → `[["pools a10", "2"]]`. */
export function flatten(numbers: Record<string, unknown>, path: readonly string[] = []): [string, string][] {
  return Object.entries(numbers).flatMap(([key, value]): [string, string][] => {
    const here = [...path, label(key)];
    if (value !== null && typeof value === "object") {
      return flatten(value as Record<string, unknown>, here);
    }
    return [[here.join(" › "), byName(key, value)]];
  });
}
