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
export type Entry = Schema<"AuditEntry">;
export type Happened = Schema<"TimelineEntry">;
export type Hit = Schema<"Hit">;
export type Subscriber = Schema<"Subscriber">;
export type Content = Schema<"DeliveryContent">;
export type Overview = Schema<"Overview">;
export type Stats = Schema<"Stats">;
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
] as const satisfies readonly Game["status"][];
export const RUNTIME_STATUSES = [
  "starting",
  "running",
  "generation_in_progress",
  "engine_unreachable",
  "generation_failed",
  "stopped",
  "removed",
  "finished",
] as const satisfies readonly Runtime["status"][];
export const DELIVERY_STATUSES = [
  "pending",
  "sending",
  "retrying",
  "sent",
  "dead_lettered",
  "quarantined",
  "expired",
  "dismissed",
] as const satisfies readonly Delivery["status"][];
export const NOTICE_STATUSES = [
  "pending",
  "expanding",
  "retrying",
  "expanded",
  "dead_lettered",
  "quarantined",
  "dismissed",
] as const satisfies readonly Notice["status"][];
export const DEAD_STATUSES = ["dead_lettered", "quarantined"] as const satisfies readonly DeadNotice["status"][];
export const SANCTIONS = [
  "login_block",
  "private_game_create_block",
  "private_game_manage_block",
  "game_join_block",
  "profile_update_block",
  "permanent_block",
] as const satisfies readonly Sanction["kind"][];
export const PLANS = ["free", "monthly", "yearly", "permanent"] as const satisfies readonly Grant["plan"][];
