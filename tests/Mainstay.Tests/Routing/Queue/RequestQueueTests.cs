using FsCheck.Fluent;
using Mainstay.Routing;
using Mainstay.Routing.Queue;

namespace Mainstay.Tests.Routing.Queue;

public sealed class RequestQueueTests : IDisposable
{
    private readonly ManualTime _clock = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("mainstay-queue-").FullName;
    private RequestQueue _queue;

    public RequestQueueTests() => _queue = Open();

    public void Dispose()
    {
        _queue.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void What_was_taken_in_is_there_after_a_restart_in_its_order_and_whole()
    {
        for (var i = 1; i <= 12; i++)
            Assert.NotNull(_queue.TryAdd(Stored(i)));
        Reopen();
        Assert.Equal(12, _queue.Waiting);
        for (var i = 1; i <= 12; i++)
        {
            var (_, request) = _queue.TryTake()!.Value;
            Assert.Equal(Stored(i) with { Fields = request.Fields, Body = request.Body }, request);
            Assert.Equal(Stored(i).Fields, request.Fields);
            Assert.Equal(Stored(i).Body.ToArray(), request.Body.ToArray());
        }
        Assert.Null(_queue.TryTake());
    }

    [Fact]
    public void A_folder_belongs_to_one_process_at_a_time() => Assert.Throws<IOException>(Open);

    [Fact]
    public void A_full_queue_takes_nothing_in_and_drops_kept_answers_before_it_refuses()
    {
        _queue.Bounds = _queue.Bounds with { Max = 3 };
        for (var i = 1; i <= 3; i++)
            Assert.NotNull(_queue.TryAdd(Stored(i)));
        Assert.Null(_queue.TryAdd(Stored(4)));
        var (first, _) = _queue.TryTake()!.Value;
        _queue.End(first, 200, "", "done"u8.ToArray());
        Assert.NotNull(_queue.Find(first.Key));
        Assert.NotNull(_queue.TryAdd(Stored(4)));
        Assert.Null(_queue.Find(first.Key));
        Assert.Null(_queue.TryAdd(Stored(5)));
        Assert.Equal(3, Directory.GetFiles(_folder, "*.request").Length);
    }

    [Fact]
    public void A_queue_is_bounded_in_bytes()
    {
        _queue.Bounds = _queue.Bounds with { Size = 10_000 };
        var taken = Enumerable.Range(1, 20).Count(i => _queue.TryAdd(Stored(i) with { Body = new byte[1000] }) is not null);
        Assert.InRange(taken, 5, 8);
        Assert.True(Directory.GetFiles(_folder, "*.request").Sum(f => new FileInfo(f).Length) <= 10_000);
    }

    [Fact]
    public void A_disk_that_takes_nothing_refuses_and_loses_nothing()
    {
        Assert.NotNull(_queue.TryAdd(Stored(1)));
        // The next file cannot be made.
        Directory.CreateDirectory(Path.Combine(_folder, "000000000002.request"));
        Assert.Null(_queue.TryAdd(Stored(2)));
        Assert.NotNull(_queue.TryAdd(Stored(3)));
        Assert.Equal(2, _queue.Waiting);
    }

    [Fact]
    public void What_waits_too_long_ends_and_what_ended_long_ago_is_forgotten()
    {
        var queued = _queue.TryAdd(Stored(1))!;
        _clock.Advance(TimeSpan.FromHours(25));
        _queue.Expire();
        Assert.Equal((0, 0), (_queue.Waiting, _queue.Unknown));
        Assert.Contains("no server could take it within 1.00:00:00", _queue.Find(queued.Key)!.Value.Answer!.Why, StringComparison.Ordinal);
        _clock.Advance(TimeSpan.FromHours(25));
        _queue.Expire();
        Assert.Null(_queue.Find(queued.Key));
        Assert.Empty(Directory.GetFiles(_folder, "*.request"));
    }

    [Theory]
    [InlineData(true, 1, 0)]
    [InlineData(false, 0, 1)]
    public void What_was_being_sent_when_the_process_ended_waits_again_only_if_it_may_be_sent_twice(bool maySendTwice, int waiting, int unknown)
    {
        var queued = _queue.TryAdd(Stored(1) with { MaySendTwice = maySendTwice })!;
        RequestQueue.MarkSending(queued);
        Reopen();
        Assert.Equal((waiting, unknown), (_queue.Waiting, _queue.Unknown));
        Reopen();
        Assert.Equal((waiting, unknown), (_queue.Waiting, _queue.Unknown));
    }

    [Fact]
    public void What_surely_was_not_sent_waits_again_after_a_restart()
    {
        var (queued, _) = (_queue.TryAdd(Stored(1) with { MaySendTwice = false }), _queue.TryTake()).Item2!.Value;
        RequestQueue.MarkSending(queued);
        _queue.PutBack(queued, reached: false);
        Reopen();
        Assert.Equal((1, 0), (_queue.Waiting, _queue.Unknown));
    }

    [Fact]
    public void Pauses_grow_and_attempts_end()
    {
        _queue.TryAdd(Stored(1) with { MaySendTwice = true });
        var pauses = new List<double>();
        for (var i = 1; i <= RequestQueue.MostTries; i++)
        {
            var start = _clock.GetUtcNow();
            (QueuedRequest Queued, StoredRequest)? taken;
            while ((taken = _queue.TryTake()) is null)
                _clock.Advance(TimeSpan.FromSeconds(0.5));
            pauses.Add((_clock.GetUtcNow() - start).TotalSeconds);
            _queue.PutBack(taken.Value.Queued, reached: true);
        }
        Assert.Equal([0, 1, 2, 4, 8, 16, 32, 60, 60, 60], pauses);
        Assert.Equal((0, 1), (_queue.Waiting, _queue.Unknown));
    }

    /// <summary>Whatever part of the file the disk has, the request is there whole, or its caller was never told that it is.</summary>
    [Fact]
    public void A_file_that_a_crash_cut_anywhere_is_read_up_to_its_last_whole_record()
    {
        var queued = _queue.TryAdd(Stored(1) with { MaySendTwice = false })!;
        var taken = new FileInfo(queued.Path).Length;
        RequestQueue.MarkSending(queued);
        var sent = new FileInfo(queued.Path).Length;
        _queue.End(queued, 200, "text/plain", "done"u8.ToArray());
        var whole = File.ReadAllBytes(queued.Path);
        for (var length = 0; length <= whole.Length; length++)
        {
            File.WriteAllBytes(queued.Path, whole[..length]);
            var content = QueueFile.Read(queued.Path);
            Assert.Equal(length >= taken, content is not null);
            Assert.Equal(length >= sent, content?.IsSending ?? false);
            Assert.Equal(length == whole.Length, content?.Answer is not null);
        }
    }

    [Fact]
    public void A_changed_bit_is_never_taken_for_the_truth() => Property.Holds(
        from at in Gen.Choose(0, 5000)
        from bit in Gen.Choose(0, 7)
        select (at, bit),
        given =>
        {
            var path = Path.Combine(_folder, "changed");
            QueueFile.TryDelete(path);
            QueueFile.Create(path, Stored(7));
            var bytes = File.ReadAllBytes(path);
            bytes[given.at % bytes.Length] ^= (byte)(1 << given.bit);
            File.WriteAllBytes(path, bytes);
            return QueueFile.Read(path) is null;
        },
        cases: 1000);

    private static StoredRequest Stored(int i) => new(
        $"f-{i:x}", $"{i:D32}", new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero), "POST", $"/predict?n={i}", "host", "http", "127.0.0.1", "",
        System.Text.Encoding.ASCII.GetBytes($"X-Number: {i}\r\n"), i % 2 == 0)
    {
        Body = new byte[] { (byte)i, 0, 255 },
        HasBody = true,
    };

    private RequestQueue Open() => new(_folder, new QueueWhenDown { Folder = _folder }, _clock);

    private void Reopen()
    {
        _queue.Dispose();
        _queue = Open();
    }
}
