-- Which sessions ended lately is asked again and again.
create index refresh_families_revoked_idx on refresh_families (revoked_at) where revoked_at is not null;
