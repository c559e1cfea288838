begin;
end;
