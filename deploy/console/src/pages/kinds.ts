// The objects that the pages show, by the contract's names.

import type { Schema } from "galaxy-typescript/client";

export type Game = Schema<"Game">;
export type Runtime = Schema<"Runtime">;
export type Account = Schema<"Account">;
export type Delivery = Schema<"Delivery">;
export type Notice = Schema<"Notification">;
export type DeadNotice = Schema<"NotificationDeadLetter">;
export type Queue = Schema<"Queue">;
export type Worker = Schema<"Worker">;
/** An entry of the trail; how it came and what became of it are of a contract that is newer than the types. */
export type Entry = Schema<"AuditEntry"> & { outcome?: string; via?: string | null; session_id?: string | null };
export type Version = Schema<"EngineVersion">;
export type AdminAccount = Schema<"AdminAccount">;
export type Membership = Schema<"Membership">;
export type Application = Schema<"Application">;
export type Sanction = Schema<"Sanction">;
export type Grant = Schema<"Grant">;

export const GAME_STATUSES = [
  "draft",
  "enrollment_open",
  "ready_to_start",
  "starting",
  "start_failed",
  "running",
  "paused",
  "finished",
  "cancelled",
] as const;
export const RUNTIME_STATUSES = [
  "starting",
  "running",
  "generation_in_progress",
  "engine_unreachable",
  "generation_failed",
  "stopped",
  "removed",
  "finished",
] as const;
export const DELIVERY_STATUSES = [
  "pending",
  "sending",
  "retrying",
  "sent",
  "dead_lettered",
  "quarantined",
  "expired",
  "dismissed",
] as const;
export const NOTICE_STATUSES = [
  "pending",
  "expanding",
  "retrying",
  "expanded",
  "dead_lettered",
  "quarantined",
  "dismissed",
] as const;
export const DEAD_STATUSES = ["dead_lettered", "quarantined"] as const;
export const SANCTIONS = [
  "login_block",
  "private_game_create_block",
  "private_game_manage_block",
  "game_join_block",
  "profile_update_block",
  "permanent_block",
] as const;
export const PLANS = ["free", "monthly", "yearly", "permanent"] as const;
