-- The host's tables where its types are mixed: uuid workspaces, leads, drafts and messages, but text user ids;
-- and times with and without time zone side by side, also within "Lead" ("lastZrgOutboundAt" has one,
-- "lastOutboundAt" has none). Tables, constraints, indexes and names are those of host.sql.

-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "ClientMemberRole" AS ENUM ('ADMIN', 'SETTER', 'INBOX_MANAGER', 'CLIENT_PORTAL');

-- CreateTable
CREATE TABLE "Client" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "Client_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ClientMember" (
    "id" UUID NOT NULL,
    "clientId" UUID NOT NULL,
    "userId" TEXT NOT NULL,
    "role" "ClientMemberRole" NOT NULL,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "ClientMember_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "SmsCampaign" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,

    CONSTRAINT "SmsCampaign_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Lead" (
    "id" UUID NOT NULL,
    "firstName" TEXT,
    "lastName" TEXT,
    "email" TEXT,
    "alternateEmails" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "currentReplierEmail" TEXT,
    "phone" TEXT,
    "jobTitle" TEXT,
    "companyName" TEXT,
    "companyWebsite" TEXT,
    "status" TEXT NOT NULL DEFAULT 'new',
    "sentimentTag" TEXT,
    "overallScore" INTEGER,
    "scoreReasoning" TEXT,
    "scoredAt" TIMESTAMP(3),
    "lastInboundAt" TIMESTAMPTZ(6),
    "lastOutboundAt" TIMESTAMP(3),
    "lastZrgOutboundAt" TIMESTAMPTZ(6),
    "lastMessageAt" TIMESTAMP(3),
    "lastMessageDirection" TEXT,
    "snoozedUntil" TIMESTAMPTZ(6),
    "assignedToUserId" TEXT,
    "assignedAt" TIMESTAMP(3),
    "autoReplyEnabled" BOOLEAN NOT NULL DEFAULT false,
    "autoFollowUpEnabled" BOOLEAN NOT NULL DEFAULT false,
    "clientId" UUID NOT NULL,
    "smsCampaignId" UUID,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "Lead_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Message" (
    "id" UUID NOT NULL,
    "channel" TEXT NOT NULL DEFAULT 'sms',
    "source" TEXT NOT NULL DEFAULT 'zrg',
    "body" TEXT NOT NULL,
    "subject" TEXT,
    "isRead" BOOLEAN NOT NULL DEFAULT false,
    "direction" TEXT NOT NULL,
    "sentBy" TEXT,
    "sentByUserId" TEXT,
    "aiDraftId" UUID,
    "leadId" UUID NOT NULL,
    "sentAt" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Message_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "AIDraft" (
    "id" UUID NOT NULL,
    "leadId" UUID NOT NULL,
    "triggerMessageId" UUID,
    "content" TEXT NOT NULL,
    "channel" TEXT NOT NULL DEFAULT 'sms',
    "status" TEXT NOT NULL DEFAULT 'pending',
    "autoSendAction" TEXT,
    "autoSendConfidence" DOUBLE PRECISION,
    "createdAt" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "AIDraft_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "Client_userId_idx" ON "Client"("userId");

-- CreateIndex
CREATE INDEX "ClientMember_userId_idx" ON "ClientMember"("userId");

-- CreateIndex
CREATE INDEX "ClientMember_clientId_idx" ON "ClientMember"("clientId");

-- CreateIndex
CREATE UNIQUE INDEX "ClientMember_clientId_userId_role_key" ON "ClientMember"("clientId", "userId", "role");

-- CreateIndex
CREATE INDEX "Lead_clientId_idx" ON "Lead"("clientId");

-- CreateIndex
CREATE INDEX "Lead_sentimentTag_idx" ON "Lead"("sentimentTag");

-- CreateIndex
CREATE INDEX "Lead_email_idx" ON "Lead"("email");

-- CreateIndex
CREATE INDEX "Lead_phone_idx" ON "Lead"("phone");

-- CreateIndex
CREATE INDEX "Lead_lastInboundAt_idx" ON "Lead"("lastInboundAt" DESC);

-- CreateIndex
CREATE INDEX "Lead_clientId_lastInboundAt_idx" ON "Lead"("clientId", "lastInboundAt" DESC);

-- CreateIndex
CREATE INDEX "Lead_clientId_assignedToUserId_lastInboundAt_idx" ON "Lead"("clientId", "assignedToUserId", "lastInboundAt" DESC);

-- CreateIndex
CREATE INDEX "Lead_clientId_status_idx" ON "Lead"("clientId", "status");

-- CreateIndex
CREATE INDEX "Lead_clientId_updatedAt_idx" ON "Lead"("clientId", "updatedAt" DESC);

-- CreateIndex
CREATE INDEX "Lead_clientId_sentimentTag_updatedAt_idx" ON "Lead"("clientId", "sentimentTag", "updatedAt" DESC);

-- CreateIndex
CREATE INDEX "Lead_assignedToUserId_idx" ON "Lead"("assignedToUserId");

-- CreateIndex
CREATE INDEX "Lead_clientId_assignedToUserId_idx" ON "Lead"("clientId", "assignedToUserId");

-- CreateIndex
CREATE INDEX "Message_leadId_idx" ON "Message"("leadId");

-- CreateIndex
CREATE INDEX "Message_sentAt_idx" ON "Message"("sentAt" DESC);

-- CreateIndex
CREATE INDEX "Message_aiDraftId_idx" ON "Message"("aiDraftId");

-- CreateIndex
CREATE INDEX "Message_leadId_direction_source_sentAt_idx" ON "Message"("leadId", "direction", "source", "sentAt" DESC);

-- CreateIndex
CREATE INDEX "Message_leadId_channel_sentAt_idx" ON "Message"("leadId", "channel", "sentAt" DESC);

-- CreateIndex
CREATE INDEX "AIDraft_leadId_idx" ON "AIDraft"("leadId");

-- CreateIndex
CREATE INDEX "AIDraft_status_idx" ON "AIDraft"("status");

-- CreateIndex
CREATE INDEX "AIDraft_autoSendAction_idx" ON "AIDraft"("autoSendAction");

-- CreateIndex
CREATE UNIQUE INDEX "AIDraft_triggerMessageId_channel_key" ON "AIDraft"("triggerMessageId", "channel");

-- AddForeignKey
ALTER TABLE "ClientMember" ADD CONSTRAINT "ClientMember_clientId_fkey" FOREIGN KEY ("clientId") REFERENCES "Client"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Lead" ADD CONSTRAINT "Lead_clientId_fkey" FOREIGN KEY ("clientId") REFERENCES "Client"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Lead" ADD CONSTRAINT "Lead_smsCampaignId_fkey" FOREIGN KEY ("smsCampaignId") REFERENCES "SmsCampaign"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Message" ADD CONSTRAINT "Message_leadId_fkey" FOREIGN KEY ("leadId") REFERENCES "Lead"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Message" ADD CONSTRAINT "Message_aiDraftId_fkey" FOREIGN KEY ("aiDraftId") REFERENCES "AIDraft"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AIDraft" ADD CONSTRAINT "AIDraft_leadId_fkey" FOREIGN KEY ("leadId") REFERENCES "Lead"("id") ON DELETE CASCADE ON UPDATE CASCADE;

