-- What the sample of version 7 has none of: a breach that has ended, its sum, and an answer that is kept.
INSERT INTO breaches (job, began, ended, cause)
    VALUES (x'00000000000000000000000000000001', 1782907200000, 1782907260000, 'no_worker');
INSERT INTO sla (tier, at, promised_ms, breached_ms) VALUES (60, 1782907200000, 60000, 5000);
INSERT INTO answers (job, place, run, at, well, transcript)
    VALUES (x'00000000000000000000000000000001', 'day', x'00000000000000000000000000000007', 1782907200000, 1,
        '{"request":"GET / HTTP/1.1","head":"200 OK","body":{"text":"well"},"whole":true,"phases":{}}');
