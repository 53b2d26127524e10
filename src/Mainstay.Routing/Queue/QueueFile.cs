using System.Buffers.Binary;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Mainstay.Routing.Queue;

/// <summary>
/// One request of a queue on disk: a file of records, each with its length and its CRC-32C, appended and flushed one by one.
/// The first is the request; then come marks of sending, and the end. Half a record at the end is what a crash left there.
/// </summary>
internal static class QueueFile
{
    private const int HeadLength = 9;
    private const int LongestRecord = 128 << 20;

    private enum Kind : byte
    {
        Request = 1,
        Sending = 2,
        NotSent = 3,
        Ended = 4,
    }

    /// <summary>What a file says.</summary>
    /// <param name="Request">The request.</param>
    /// <param name="IsSending">True: it was being sent when the file was last written.</param>
    /// <param name="Answer">How it ended; null: not yet.</param>
    public sealed record Content(StoredRequest Request, bool IsSending, StoredAnswer? Answer);

    /// <summary>Writes a new file and waits until the disk has it.</summary>
    /// <returns>Its length.</returns>
    /// <exception cref="IOException">It could not be written; there is no such file then.</exception>
    public static long Create(string path, StoredRequest request)
    {
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0 };
            // What customers ask is nobody else's business on this machine.
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using var file = new FileStream(path, options);
            file.Write(Record(Kind.Request, request, StoredJson.Default.StoredRequest, request.Body));
            file.Flush(flushToDisk: true);
            return file.Length;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            TryDelete(path);
            throw new IOException($"{path} cannot be written: {e.Message}", e);
        }
    }

    /// <summary>Notes that the request is being sent: from here on it may have reached a server.</summary>
    /// <exception cref="IOException">It could not be noted.</exception>
    public static void MarkSending(string path) => Append(path, Record(Kind.Sending));

    /// <summary>Takes that back: it surely reached none.</summary>
    /// <exception cref="IOException">It could not be noted.</exception>
    public static void MarkNotSent(string path) => Append(path, Record(Kind.NotSent));

    /// <summary>Notes how it ended.</summary>
    /// <returns>Length of the file.</returns>
    /// <exception cref="IOException">It could not be noted.</exception>
    public static long End(string path, StoredAnswer answer) => Append(path, Record(Kind.Ended, answer, StoredJson.Default.StoredAnswer, answer.Body));

    /// <summary>Reads a file; null if not even the request stands there whole.</summary>
    public static Content? Read(string path)
    {
        ReadOnlyMemory<byte> rest;
        try
        {
            rest = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
        Content? content = null;
        while (Next(ref rest) is var (kind, payload))
        {
            switch (kind)
            {
                case Kind.Request when Parse(payload, StoredJson.Default.StoredRequest, out var body) is { } request:
                    content = new Content(request with { Body = body }, false, null);
                    break;
                case Kind.Sending or Kind.NotSent when content is not null:
                    content = content with { IsSending = kind == Kind.Sending };
                    break;
                case Kind.Ended when content is not null && Parse(payload, StoredJson.Default.StoredAnswer, out var body) is { } answer:
                    content = content with { Answer = answer with { Body = body } };
                    break;
            }
        }
        return content;
    }

    public static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Tried again at the next start: what is in it is old or torn.
        }
    }

    private static long Append(string path, byte[] record)
    {
        try
        {
            using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.ReadWrite, BufferSize = 0 });
            var start = file.Length;
            try
            {
                file.Seek(0, SeekOrigin.End);
                file.Write(record);
                file.Flush(flushToDisk: true);
                return file.Length;
            }
            catch (IOException)
            {
                // Half a record would hide those that come after it.
                file.SetLength(start);
                throw;
            }
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    private static byte[] Record<T>(Kind kind, T head, JsonTypeInfo<T> type, ReadOnlyMemory<byte> body)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(head, type);
        var record = new byte[HeadLength + sizeof(int) + json.Length + body.Length];
        var payload = record.AsSpan(HeadLength);
        BinaryPrimitives.WriteInt32LittleEndian(payload, json.Length);
        json.CopyTo(payload[sizeof(int)..]);
        body.Span.CopyTo(payload[(sizeof(int) + json.Length)..]);
        return Sealed(kind, record);
    }

    private static byte[] Record(Kind kind) => Sealed(kind, new byte[HeadLength]);

    /// <summary>Fills in the head: length of the payload, checksum of all that follows, kind.</summary>
    private static byte[] Sealed(Kind kind, byte[] record)
    {
        BinaryPrimitives.WriteInt32LittleEndian(record, record.Length - HeadLength);
        record[8] = (byte)kind;
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(4), Checksum(record.AsSpan(8)));
        return record;
    }

    private static (Kind, ReadOnlyMemory<byte>)? Next(ref ReadOnlyMemory<byte> rest)
    {
        var bytes = rest.Span;
        if (bytes.Length < HeadLength)
            return null;
        var length = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        if (length is < 0 or > LongestRecord || length > bytes.Length - HeadLength
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) != Checksum(bytes.Slice(8, length + 1)))
            return null;
        var record = ((Kind)bytes[8], rest.Slice(HeadLength, length));
        rest = rest[(HeadLength + length)..];
        return record;
    }

    private static T? Parse<T>(ReadOnlyMemory<byte> payload, JsonTypeInfo<T> type, out ReadOnlyMemory<byte> body)
        where T : class
    {
        body = default;
        try
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(payload.Span);
            body = payload[(sizeof(int) + length)..];
            return JsonSerializer.Deserialize(payload.Span.Slice(sizeof(int), length), type);
        }
        catch (Exception e) when (e is JsonException or ArgumentOutOfRangeException)
        {
            return null;
        }
    }

    /// <summary>CRC-32C (RFC 3720, appendix B.4), by the processor's own instruction.</summary>
    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (var b in bytes)
            crc = BitOperations.Crc32C(crc, b);
        return ~crc;
    }
}
